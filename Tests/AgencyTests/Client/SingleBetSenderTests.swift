import Domain
import Shell
import TestKit
import Testing
import WireProtocol

@testable import Agency

struct SingleBetSenderTests {
    private let service = ModelService()

    /// Sends a bet like a new process of `agency bet`.
    private func send(_ bet: Int, isLast: Bool = false, isAgain: Bool = false) throws -> SingleBetSender.Outcome {
        let fixture = SendingFixture([], service)
        var sender = SingleBetSender(
            bet: Samples.bet(bet), isLast: isLast, isAgain: isAgain, log: fixture.eventLog)
        var dialog = try fixture.dialog(.bet)
        return try sender.run(&dialog)
    }

    @Test("a bet is stored; a rerun does not store it again, except with --again")
    func again() throws {
        #expect(try send(1) == .stored)
        #expect(try send(1) == .storedAlready)
        #expect(service.storedBets == [Samples.bet(1)])
        #expect(try send(1, isAgain: true) == .stored)
        #expect(service.storedBets == [Samples.bet(1), Samples.bet(1)])
        #expect(try send(2) == .stored)
        #expect(try send(1) == .stored)
        #expect(service.storedBets.count == 4)
    }

    @Test("a lost answer arrives after a reconnect, and the bet is stored once", arguments: [true, false])
    func lostAnswer(_ isAgain: Bool) throws {
        service.losesAnswers = [1]
        #expect(try send(1, isAgain: isAgain) == .stored)
        #expect(service.storedBets == [Samples.bet(1)])
    }

    @Test("with --last a bet that is already stored finishes the agency, and a finished agency stays finished")
    func last() throws {
        #expect(try send(1) == .stored)
        service.losesAnswers = [2]
        #expect(try send(1, isLast: true) == .storedAlready)
        #expect(service.isFinished && service.storedBets == [Samples.bet(1)])
        let other = ModelService()
        let fixture = SendingFixture([], other)
        for outcome in [SingleBetSender.Outcome.stored, .storedAlready] {
            var sender = SingleBetSender(bet: Samples.bet(1), isLast: true, isAgain: false, log: fixture.eventLog)
            var dialog = try fixture.dialog(.bet)
            #expect(try sender.run(&dialog) == outcome)
        }
        #expect(other.storedBets.count == 1 && other.isFinished)
    }

    @Test("a rejected bet is not taken for a stored one, and ends with 65")
    func rejected() throws {
        service.rejects = { $0.sequence == 1 ? .invalidBet : nil }
        #expect { try send(1) } throws: { ProgramExit(for: $0) == .data && "\($0)".contains("is not stored") }
        #expect(try send(1) == .stored)
    }

    @Test("a bet whose sequence holds other bets is not stored")
    func conflict() throws {
        let fixture = SendingFixture([], service)
        service.losesAnswers = [1]
        fixture.link.onWait = { [service] in
            guard service.chunks.count == 1 else { return }
            service.forget(last: 1)
            _ = service.take(.hello(Hello(agency: AgencyID(1))))
            _ = service.take(.chunk(Samples.chunk(sequence: 1, bets: [Samples.bet(7)])))
            fixture.link.onWait = {}
        }
        var sender = SingleBetSender(bet: Samples.bet(1), isLast: false, isAgain: false, log: fixture.eventLog)
        var dialog = try fixture.dialog(.bet)
        #expect {
            _ = try sender.run(&dialog)
        } throws: { ProgramExit(for: $0) == .data && "\($0)".contains("are not stored") }
    }

    @Test("the outcome is described with the bet's number in four digits")
    func texts() {
        var bet = Samples.bet(7)
        bet.number = 7
        let stored = BetCommand.text(.stored, bet, agency: AgencyID(3), isLast: false)
        #expect(stored == "agency 3: the bet of 30000007 on number 0007 is stored")
        let already = BetCommand.text(.storedAlready, bet, agency: AgencyID(3), isLast: true)
        #expect(
            already.contains("is stored already") && already.contains("--again")
                && already.hasSuffix("the agency has finished"))
    }
}
