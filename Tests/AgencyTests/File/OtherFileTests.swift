import TestKit
import Testing
import WireProtocol

@testable import Agency

/// Tests of a later run with a file other than the one that was being sent.
struct OtherFileTests {
    private let service = ModelService()
    private let rows = SendingFixture.rows(57)

    /// Sends the first 40 bets, then stops.
    private func begin() throws {
        let fixture = SendingFixture(rows, service)
        fixture.link.stopsAfterSending = 5
        #expect(throws: Stopped.self) { try fixture.send() }
        #expect(service.chunks.count == 4)
    }

    private func difference(_ rows: [String]) throws -> FileDifference? {
        let fixture = SendingFixture(rows, service)
        let before = service.chunks
        do {
            try fixture.send()
            return nil
        } catch let AgencyError.otherFile(path: _, difference) {
            #expect(service.chunks == before && fixture.link.sentChunks.isEmpty, "something was sent")
            return difference
        }
    }

    private func replaced(_ index: Int, _ row: String) -> [String] {
        rows.enumerated().map { $0.offset == index ? row : $0.element }
    }

    @Test("a difference in the last recorded chunk is reported as in that chunk, an earlier one as before it")
    func changedLine() throws {
        try begin()
        #expect(try difference(replaced(35, "Ana,Paz,1,1990-01-01,1")) == .bets(31...40))
        #expect(try difference(replaced(29, "Ana,Paz,1,1990-01-01,1")) == .before(31))
        #expect(try difference(replaced(40, "Ana,Paz,1,1990-01-01,1")) == nil)
    }

    @Test("a line that was corrected, inserted, removed or moved before the resumed position ends the run")
    func shiftedLines() throws {
        try begin()
        #expect(try difference(["Ana,Paz,1,1990-01-01,1"] + rows) == .bets(31...40))
        #expect(try difference(Array(rows.dropFirst())) == .bets(31...40))
        #expect(try difference(rows.reversed()) == .bets(31...40))
        #expect(try difference([rows[1], rows[0]] + rows[2...]) == .before(31))
    }

    @Test("only the last chunk is compared if the ledger has no checksum of all bets")
    func olderLedger() throws {
        try begin()
        service.tellsChecksum = false
        #expect(try difference(replaced(35, "Ana,Paz,1,1990-01-01,1")) == .bets(31...40))
        #expect(try difference(replaced(29, "Ana,Paz,1,1990-01-01,1")) == nil)
    }

    @Test("a file with fewer bets than are recorded ends the run")
    func shorter() throws {
        try begin()
        #expect(try difference(Array(rows[..<39])) == .fewer(bets: 39, recorded: 40))
        #expect(try difference([]) == .fewer(bets: 0, recorded: 40))
    }

    @Test("after a single bet, a file is another file unless it begins with that bet")
    func afterSingleBet() throws {
        _ = service.take(.chunk(Samples.chunk(sequence: 1, bets: [Samples.bet(99)])))
        #expect(try difference(rows) == .bets(1...1))
        #expect(try difference([SendingFixture.row(Samples.bet(99))] + rows) == nil)
        #expect(service.storedBets.count == 58)
    }

    @Test(
        "for a finished agency, a longer file reports how many bets are not in the draw, another file that it differs"
    )
    func finished() throws {
        try SendingFixture(rows, service).send()
        #expect(try difference(replaced(3, "Ana,Paz,1,1990-01-01,1")) == .before(51))
        let longer = SendingFixture(rows + ["Ana,Paz,1,1990-01-01,1"], service)
        #expect {
            try longer.send()
        } throws: { error in
            guard case AgencyError.fileTooLong(_, _, unsentBets: 1) = error else { return false }
            return "\(error)".contains("1 more valid bet: not in the draw")
        }
        #expect(longer.link.sentChunks.isEmpty)
    }

    @Test("a reconnect within a run does not read the whole file again, even if it is missing")
    func reconnect() throws {
        let fixture = SendingFixture(rows, service)
        service.losesAnswers = [4]
        var reads = 0
        fixture.link.onWait = { [disk = fixture.disk] in
            if fixture.link.connections == 1 { disk.setPlan { _ in nil } }
            reads = disk.calls.count { $0 == "read bets.csv" }
        }
        try fixture.send()
        #expect(service.storedBets.count == 57)
        #expect(reads <= 4, "the block at the repeated chunk, and the end")
    }

    @Test("differences are reported with bet numbers in groups of three digits")
    func texts() {
        #expect(
            "\(FileDifference.bets(4601...4700))"
                == "bets 4,601 to 4,700 differ from those that the service has recorded")
        #expect("\(FileDifference.bets(4711...4711))" == "bet 4,711 differs from the one that the service has recorded")
        #expect("\(FileDifference.before(4601))".hasPrefix("a bet before bet 4,601 differs"))
        #expect(
            Figures.grouped(1_234_567) == "1,234,567" && Figures.grouped(100) == "100"
                && Figures.grouped(1000) == "1,000")
        #expect(Figures.four(7) == "0007" && Figures.four(7574) == "7574")
    }
}
