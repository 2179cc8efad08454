import TestKit
import Testing
import WireProtocol

@testable import Agency

/// Tests of sending to a service that follows the protocol.
struct BetSenderTests {
    private let service = ModelService()

    @Test("every bet of the file is stored once, in order, and the last chunk finishes the agency")
    func wholeFile() throws {
        let fixture = SendingFixture(SendingFixture.rows(57), service)
        #expect(try fixture.send() == BetSender.Totals(stored: 57, rejected: 0))
        #expect(service.storedBets == (0..<57).map(Samples.bet) && service.isFinished)
        #expect(fixture.log.count { $0.contains("apuesta_enviada | result: success") } == 6)
        // Again: nothing is left to send.
        #expect(try fixture.send().stored == 57)
        #expect(service.chunks.count == 6)
    }

    @Test(
        "a lost answer arrives after its chunk is sent again, and nothing is stored twice",
        arguments: 1...6 as ClosedRange<UInt32>)
    func lostAnswer(_ sequence: UInt32) throws {
        service.losesAnswers = [sequence]
        let fixture = SendingFixture(SendingFixture.rows(57), service)
        #expect(try fixture.send().stored == 57)
        #expect(service.storedBets == (0..<57).map(Samples.bet))
        let logged = fixture.log.filter { $0.contains("apuesta_enviada") }
        #expect(
            logged
                == (1...6).map {
                    "action: apuesta_enviada | result: success | cantidad: \($0 == 6 ? 7 : 10) | sequence: \($0)"
                })
        #expect(fixture.link.connections == 2)
    }

    @Test("a rejected chunk whose answer was lost is listed as rejected, and counted once")
    func lostRejection() throws {
        service.losesAnswers = [2, 3]
        service.rejects = { $0.sequence == 2 ? .invalidBet : nil }
        let fixture = SendingFixture(SendingFixture.rows(57), service)
        #expect(try fixture.send() == BetSender.Totals(stored: 47, rejected: 10))
        let rejected = String(decoding: fixture.disk.bytes("bets.csv.rejected.csv") ?? [], as: UTF8.self)
        let rows = rejected.split(separator: "\r\n")
        #expect(rows.count == 11 && rows[0] == "line,column,reason,row")
        #expect(rows[1].hasPrefix("11,,\"in one chunk with a bet that was rejected by the service (invalidBet)"))
        #expect(
            rows[2]
                == "12,,\"rejected by the service (invalidBet): no \"\"such\"\" bet\",\"\(SendingFixture.row(Samples.bet(11)))\""
        )
    }

    @Test("a rejected last chunk leaves the agency unfinished, and another one finishes it")
    func rejectedLast() throws {
        service.rejects = { $0.sequence == 6 ? .invalidBet : nil }
        let fixture = SendingFixture(SendingFixture.rows(57), service)
        #expect(try fixture.send() == BetSender.Totals(stored: 50, rejected: 7))
        #expect(service.isFinished && service.chunks.map(\.count) == [10, 10, 10, 10, 10, 7, 0])
        #expect(service.chunks.map(\.isLast) == [false, false, false, false, false, true, true])
    }

    @Test("a rejected last chunk whose answer was lost leaves the agency unfinished too")
    func lostRejectedLast() throws {
        service.losesAnswers = [6]
        service.rejects = { $0.sequence == 6 ? .invalidBet : nil }
        let fixture = SendingFixture(SendingFixture.rows(57), service)
        #expect(try fixture.send() == BetSender.Totals(stored: 50, rejected: 7))
        #expect(service.isFinished && service.chunks.count == 7)
    }

    @Test("a later run resumes after stored and rejected bets, with chunks of another size", arguments: [true, false])
    func laterRun(_ tellsChecksum: Bool) throws {
        service.tellsChecksum = tellsChecksum
        service.rejects = { $0.sequence == 2 ? .invalidBet : nil }
        var fixture = SendingFixture(SendingFixture.rows(57), service)
        fixture.link.stopsAfterSending = 5  // HELLO and four chunks
        #expect(throws: Stopped.self) { try fixture.send() }
        fixture = SendingFixture(SendingFixture.rows(57), service)
        fixture.maxBets = 7
        #expect(try fixture.send() == BetSender.Totals(stored: 47, rejected: 10))
        #expect(service.storedBets == (0..<10).map(Samples.bet) + (20..<57).map(Samples.bet))
    }

    @Test("a ledger that was restored from a copy gets the later bets again, with a warning")
    func ledgerPutBack() throws {
        let fixture = SendingFixture(SendingFixture.rows(57), service)
        service.losesAnswers = [5]
        var hasForgotten = false
        fixture.link.onWait = { [service] in
            guard !hasForgotten, service.chunks.count == 5 else { return }
            hasForgotten = true
            service.forget(last: 3)
        }
        #expect(try fixture.send().stored == 57)
        #expect(service.storedBets == (0..<57).map(Samples.bet) && service.isFinished)
        #expect(hasForgotten && fixture.log.contains { $0.contains("its ledger was restored from a copy") })
    }
}
