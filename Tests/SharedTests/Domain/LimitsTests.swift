import Domain
import Ledger
import TestKit
import Testing
import WireProtocol

/// Each limit of Limits.swift, tested below, at and above its value, and the arithmetic.
struct LimitsTests {
    private func holds(_ check: () throws -> Void) -> Bool {
        do {
            try check()
            return true
        } catch {
            return false
        }
    }

    private func text(_ byteCount: Int) -> [UInt8] { [UInt8](repeating: 65, count: byteCount) }

    @Test("names have 1 to 255 bytes")
    func names() {
        for (byteCount, expected) in [(0, false), (1, true), (254, true), (255, true), (256, false)] {
            #expect(holds { try BetRules.check(name: text(byteCount).span, .first) } == expected, "\(byteCount)")
        }
    }

    @Test("documents have 1 to 20 characters")
    func documents() {
        for (byteCount, expected) in [(0, false), (1, true), (19, true), (20, true), (21, false)] {
            #expect(holds { try BetRules.check(document: text(byteCount).span) } == expected, "\(byteCount)")
        }
    }

    @Test("numbers are 0 to 9999")
    func numbers() {
        for (number, expected) in [(0, true), (9998, true), (9999, true), (10_000, false), (UInt32.max, false)] {
            #expect(holds { try BetRules.check(number: number) } == expected, "\(number)")
        }
    }

    @Test("birthdates are 1900-01-01 to today")
    func birthdates() {
        let today = Birthdate(packed: 20_261_121)
        for (date, expected) in [
            (18_991_231, false), (19_000_101, true), (20_261_120, true), (20_261_121, true), (20_261_122, false),
        ] as [(UInt32, Bool)] {
            #expect(holds { try BetRules.check(birthdate: Birthdate(packed: date), today: today) } == expected)
        }
    }

    @Test("a draw's name has 1 to 64 characters")
    func draws() {
        for (count, expected) in [(0, false), (1, true), (63, true), (64, true), (65, false)] {
            #expect((DrawID(String(repeating: "a", count: count)) != nil) == expected, "\(count)")
        }
    }

    @Test("a frame has 1 byte up to its limit", arguments: [Limits.minFrameBytes, Limits.maxConsultFrameBytes])
    func frames(_ limit: Int) {
        for (length, expected) in [(0, false), (1, true), (limit - 1, true), (limit, true), (limit + 1, false)] {
            var decoder = FrameDecoder(maxFrameBytes: limit)
            var header: [UInt8] = []
            header.append(bigEndian: UInt32(length))
            var index = 0
            let event = decoder.next(header.span.bytes, from: &index)
            #expect((event == .needsMemory(byteCount: length)) == expected)
        }
    }

    @Test("a rejection's reason is truncated to its limit at a character boundary")
    func reasons() throws {
        for count in [Limits.maxReasonBytes - 1, Limits.maxReasonBytes, Limits.maxReasonBytes + 1, 70_000] {
            let message = Message.error(.busy, String(repeating: "ñ", count: count / 2))
            guard case .error(_, let text) = try Message(frame: Array(message.encoded[4...])) else {
                Issue.record("not an error")
                return
            }
            #expect(text.utf8.count <= max(Limits.maxReasonBytes, 65_535) && text.allSatisfy { $0 == "ñ" })
        }
    }

    @Test("the largest bet fits the smallest frame limit, and the largest frame fits a commit group")
    func arithmetic() {
        #expect(Limits.maxBetBytes == 2 + 4 + 3 + 255 + 255 + 20)
        let bet = Bet(
            firstName: String(repeating: "a", count: 255), lastName: String(repeating: "b", count: 255),
            document: String(repeating: "1", count: 20), birthdate: Limits.minBirthdate, number: Limits.maxNumber)
        let chunk = Samples.chunk(sequence: 1, bets: [bet])
        #expect(chunk.frame.count == Limits.chunkOverheadBytes - Limits.frameLengthBytes + Limits.maxBetBytes)
        #expect(chunk.frame.count <= Limits.minFrameBytes)
        #expect(
            Limits.largestMaxFrameBytes + RecordHeader.byteCount + GroupHeader.byteCount + Limits.blockBytes
                < Limits.maxGroupBytes)
        #expect(Limits.minPreallocationBytes.isMultiple(of: Limits.blockBytes))
        #expect(Limits.maxGroupBytes.isMultiple(of: Limits.blockBytes))
        #expect(Limits.maxChunkBets == Int(UInt16.max))
    }

    @Test("a chunk of 65,535 bets passes the check")
    func bets() {
        let bet = Bet(
            firstName: "A", lastName: "B", document: "1", birthdate: Limits.minBirthdate, number: Limits.maxNumber)
        let chunk = Samples.chunk(sequence: 1, bets: Array(repeating: bet, count: Limits.maxChunkBets))
        #expect(holds { try BetColumns(chunk.bets, count: chunk.count).check(today: Samples.today) })
        #expect(!holds { try BetColumns(chunk.bets, count: chunk.count - 1).check(today: Samples.today) })
    }
}
