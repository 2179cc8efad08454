import Domain
import Ledger
import TestKit
import Testing

struct LedgerReaderTests {
    @Test("committed groups are read back, one by one")
    func roundTrip() throws {
        let ledger = try LedgerFixture(groupCount: 5, isClosed: true)
        let (groups, end) = try LedgerFixture.read(ledger.bytes)
        #expect(groups == ledger.groups)
        #expect(
            end == LedgerEnd(offset: ledger.bytes.count, lastGroupNumber: 6, isClosed: true, tornBytes: 0))
    }

    @Test("preallocated zeros after the last group are the ledger's end")
    func zeros() throws {
        let ledger = try LedgerFixture(groupCount: 3, isClosed: false)
        #expect(ledger.bytes.count > ledger.ends[3])
        let (groups, end) = try LedgerFixture.read(ledger.bytes)
        #expect(groups == ledger.groups)
        #expect(end == LedgerEnd(offset: ledger.ends[3], lastGroupNumber: 3, isClosed: false, tornBytes: 0))
    }

    @Test("every prefix of a ledger is read up to its last whole group")
    func everyPrefix() throws {
        let ledger = try LedgerFixture(groupCount: 3, isClosed: true)
        let bytes = ledger.bytes
        // Every length around the end of a block or group, and every 61st in between.
        for length in Limits.blockBytes...bytes.count where length % 61 == 0 || (length + 40) % 4096 < 120 {
            let whole = ledger.ends.count { $0 <= length } - 1
            let (groups, end) = try LedgerFixture.read(Array(bytes[..<length]))
            #expect(groups == Array(ledger.groups[..<whole]))
            #expect(end.offset == ledger.ends[whole])
            #expect((end.tornBytes > 0) == (length > ledger.ends[whole]))
        }
        for length in stride(from: 0, to: Limits.blockBytes, by: 5) {
            #expect(throws: LedgerError.self) { try LedgerFixture.read(Array(bytes[..<length])) }
        }
    }

    @Test("a torn last group is cut off, whichever of its sectors were written")
    func tornGroup() throws {
        let ledger = try LedgerFixture(groupCount: 4, isClosed: false)
        let (start, end) = (ledger.ends[3], ledger.ends[4])
        let sectors = (end - start) / 512
        var random = SeededGenerator(seed: 7)
        for round in 0..<400 {
            var bytes = ledger.bytes
            var lost = 0
            for sector in 0..<sectors where Bool.random(using: &random) {
                let range = start + sector * 512..<start + (sector + 1) * 512
                if bytes[range].contains(where: { $0 != 0 }) { lost += 1 }
                bytes.replaceSubrange(range, with: repeatElement(0, count: 512))
            }
            let (groups, found) = try LedgerFixture.read(bytes)
            #expect(groups == Array(ledger.groups[..<(lost == 0 ? 4 : 3)]), "round \(round)")
            #expect(found.offset == (lost == 0 ? end : start), "round \(round)")
        }
    }

    @Test("every flipped bit of a closed ledger is detected, and reported inside its group")
    func everyBit() throws {
        let ledger = try LedgerFixture(groupCount: 2, isClosed: true)
        let bytes = ledger.bytes
        let closing = ledger.ends[2]
        // Every nonzero byte, and every 13th of the zeros.
        for index in bytes.indices where bytes[index] != 0 || index % 13 == 0 {
            var damaged = bytes
            damaged[index] ^= 1 << UInt8(index % 8)
            if index >= closing {
                // The closing group itself: treated as torn, so only it is lost.
                let (groups, end) = try LedgerFixture.read(damaged)
                #expect(groups == Array(ledger.groups[..<2]))
                #expect(!end.isClosed && end.tornBytes > 0)
                continue
            }
            do {
                _ = try LedgerFixture.read(damaged)
                Issue.record("a flipped bit in byte \(index) was not found")
            } catch LedgerError.damaged(_, let offset, _) {
                let group = ledger.ends.lastIndex { $0 <= index } ?? 0
                #expect(offset >= ledger.ends[group] && offset < ledger.ends[group + 1])
            } catch LedgerError.badHeader {
                #expect(index < Limits.blockBytes)
            }
        }
    }

    @Test("a stale group of another ledger is not mistaken for one of this ledger")
    func otherLedger() throws {
        let ledger = try LedgerFixture(groupCount: 2, isClosed: false)
        var bytes = ledger.bytes
        let start = ledger.ends[2]
        let stale = GroupHeader(
            kind: .closing, groupBytes: GroupHeader.byteCount, recordCount: 0, number: 3, ledgerID: 99, time: 0,
            recordsChecksum: 0)
        bytes.replaceSubrange(start..<start + GroupHeader.byteCount, with: stale.bytes)
        let (groups, end) = try LedgerFixture.read(bytes)
        #expect(groups.count == 2)
        #expect(end.tornBytes > 0)
    }

    @Test("a group whose number is not the next one is not read")
    func repeatedGroup() throws {
        let ledger = try LedgerFixture(groupCount: 2, isClosed: false)
        var bytes = ledger.bytes
        let first = ledger.ends[0]..<ledger.ends[1]
        bytes.replaceSubrange(first.upperBound..<first.upperBound + first.count, with: bytes[first])
        let (groups, end) = try LedgerFixture.read(bytes)
        #expect(groups == [ledger.groups[0]])
        #expect(end.tornBytes > 0)
    }

    @Test("a file that is not a ledger is rejected")
    func noLedger() {
        #expect(throws: LedgerError.badHeader(path: LedgerFixture.path, reason: "this is not a Quiniela ledger")) {
            try LedgerFixture.read([UInt8](repeating: 7, count: 8192))
        }
    }
}
