import Domain
import TestKit
import Testing
import WireProtocol

struct BetColumnsTests {
    private func check(_ bytes: [UInt8], count: Int) -> ChunkFault? {
        do throws(ChunkFault) {
            try BetColumns(bytes.span, count: count).check(today: Samples.today)
            return nil
        } catch {
            return error
        }
    }

    private func columns(_ bets: [Bet]) -> [UInt8] {
        Array(Samples.chunk(sequence: 1, bets: bets).frame[Chunk.betsIndex...])
    }

    @Test("bets are restored from their columns")
    func roundTrip() {
        for count in [0, 1, 2, 17, 300] {
            let bets = (0..<count).map(Samples.bet)
            let bytes = columns(bets)
            #expect(check(bytes, count: count) == nil)
            #expect(BetColumns(bytes.span, count: count).bets == bets)
        }
    }

    @Test("columns that do not add up are reported with their sizes")
    func lengths() {
        let bytes = columns([Samples.bet(1), Samples.bet(2)])
        #expect(check(bytes + [0], count: 2) == .columns(expectedBytes: bytes.count, foundBytes: bytes.count + 1))
        #expect(check(Array(bytes.dropLast()), count: 2) != nil)
        #expect(check(bytes, count: 65_535) == .columns(expectedBytes: 9 * 65_535, foundBytes: bytes.count))
        #expect(check([], count: 0) == nil)
        #expect(check([1], count: 0) == .columns(expectedBytes: 0, foundBytes: 1))
    }

    private static let faulty: [(Bet, BetFault)] = {
        var bets: [(Bet, BetFault)] = []
        func add(_ fault: BetFault, _ change: (inout Bet) -> Void) {
            var bet = Samples.bet(5)
            change(&bet)
            bets.append((bet, fault))
        }
        add(.nameEmpty(.first)) { $0.firstName = "" }
        add(.nameEmpty(.last)) { $0.lastName = "" }
        add(.documentLength(bytes: 0)) { $0.document = "" }
        add(.documentLength(bytes: 21)) { $0.document = String(repeating: "1", count: 21) }
        add(.documentCharacter) { $0.document = "1234567 " }
        add(.birthdateNotInCalendar(Birthdate(packed: 20_230_229))) { $0.birthdate = Birthdate(packed: 20_230_229) }
        add(.birthdateTooEarly(Birthdate(packed: 18_991_231))) { $0.birthdate = Birthdate(packed: 18_991_231) }
        add(.birthdateInFuture(Birthdate(packed: 20_261_122))) { $0.birthdate = Birthdate(packed: 20_261_122) }
        add(.numberTooLarge(10_000)) { $0.number = 10_000 }
        return bets
    }()

    @Test("the first invalid bet is reported, wherever it is", arguments: faulty)
    func faults(_ bet: Bet, _ fault: BetFault) {
        for place in [0, 7, 16, 39] {
            var bets = (0..<40).map(Samples.bet)
            bets[place] = bet
            #expect(check(columns(bets), count: 40) == .bet(index: place, fault))
        }
    }

    @Test("a character split between two names makes both invalid")
    func splitCharacter() {
        var bytes = columns([Samples.documentedBets[1], Samples.documentedBets[0]])
        // "Tiago Nicolás" ends in "á" "s". Two bytes less for it and two more for the next leave the concatenation
        // valid, but the second name then begins inside a character.
        let lengths = 6 * 2
        bytes[lengths] -= 2
        bytes[lengths + 1] += 2
        #expect(check(bytes, count: 2) == .bet(index: 0, .nameNotUTF8(.first)))
    }

    @Test("the check of whole columns and the check of single bets agree on any bytes")
    func agreement() {
        let seed = UInt64.random(in: 0...UInt64.max)
        var random = SeededGenerator(seed: seed)
        for round in 0..<3000 {
            let count = Int.random(in: 1...12, using: &random)
            var bytes = columns((0..<count).map { _ in Samples.bet(.random(in: 0...50_000, using: &random)) })
            for _ in 0..<Int.random(in: 0...2, using: &random) {
                bytes[.random(in: bytes.indices, using: &random)] = .random(in: 0...255, using: &random)
            }
            let expected = slowCheck(bytes, count: count)
            #expect(check(bytes, count: count) == expected, "seed \(seed), round \(round)")
        }
    }

    /// Applies the rules to one bet after the other, with different parsing code.
    private func slowCheck(_ bytes: [UInt8], count: Int) -> ChunkFault? {
        func sum(_ column: Int) -> Int { bytes[column * count..<(column + 1) * count].reduce(0) { $0 + Int($1) } }
        let expected = 9 * count + sum(6) + sum(7) + sum(8)
        if expected != bytes.count { return .columns(expectedBytes: expected, foundBytes: bytes.count) }
        var (first, last) = (9 * count, 9 * count + sum(6))
        var document = last + sum(7)
        for bet in 0..<count {
            do throws(BetFault) {
                func take(_ start: inout Int, _ column: Int) -> [UInt8] {
                    defer { start += Int(bytes[column * count + bet]) }
                    return Array(bytes[start..<start + Int(bytes[column * count + bet])])
                }
                try BetRules.check(name: take(&first, 6).span, .first)
                try BetRules.check(name: take(&last, 7).span, .last)
                try BetRules.check(document: take(&document, 8).span)
                let date = bytes[2 * count + 4 * bet..<2 * count + 4 * bet + 4].reduce(0) { $0 << 8 | UInt32($1) }
                try BetRules.check(birthdate: Birthdate(packed: date), today: Samples.today)
                try BetRules.check(number: UInt32(bytes[2 * bet]) << 8 | UInt32(bytes[2 * bet + 1]))
            } catch {
                return .bet(index: bet, error)
            }
        }
        return nil
    }

    @Test("a frame's size is known before it is built")
    func frameBytes() {
        var builder = BetColumnsBuilder()
        for index in 0..<20 {
            #expect(
                builder.frameBytes == Samples.chunk(sequence: 1, bets: (0..<index).map(Samples.bet)).frame.count + 4)
            builder.append(Samples.bet(index))
        }
    }

    @Test(
        "a date in a chunk is judged as on its own, in leap years and others",
        arguments: [1899, 1900, 1999, 2000, 2024])
    func dates(year: UInt32) {
        let bet = Samples.bet(1)
        for monthAndDay in 0..<10_000 as Range<UInt32> {
            var other = bet
            other.birthdate = Birthdate(packed: year * 10_000 + monthAndDay)
            let isValid =
                (try? BetRules.check(birthdate: other.birthdate, today: Samples.today)) != nil
            #expect((check(columns([bet, other]), count: 2) == nil) == isValid, "\(other.birthdate)")
        }
    }

    @Test("every byte at every position in the documents is judged as on its own")
    func documentBytes() {
        for place in 0..<20 {
            for byte in 0...255 as ClosedRange<UInt8> {
                var chunk = Samples.chunk(sequence: 1, bets: [Samples.bet(1), Samples.bet(2), Samples.bet(4)])
                chunk.frame[chunk.frame.count - 20 + place] = byte
                let isValid = (try? BetColumns(chunk.bets, count: 3).check(today: Samples.today)) != nil
                #expect(isValid == isASCIILetterOrDigit(byte), "byte \(byte) at position \(place)")
            }
        }
    }
}
