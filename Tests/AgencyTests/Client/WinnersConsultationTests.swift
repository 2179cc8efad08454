import Domain
import Shell
import TestKit
import Testing
import WireProtocol

@testable import Agency

struct WinnersConsultationTests {
    private let welcome = Welcome(
        nextSequence: 0, storedBets: 0, rejectedBets: 0, maxFrameBytes: 1024, window: 1, isFinished: false,
        draw: "default")

    /// A winners service that answers the n-th consultation with `answer(n)`.
    private func link(_ answer: @escaping (Int) -> [Message]) -> ScriptedLink {
        var asked = 0
        return ScriptedLink { [welcome] message in
            guard case .consultWinners = message else { return [.message(.welcome(welcome))] }
            asked += 1
            return answer(asked).map { .message($0) }
        }
    }

    private let notYet = Message.notDrawnYet(
        NotDrawnYet(finishedAgencies: 3, expectedAgencies: 5, retryAfterMilliseconds: 1000))

    private func winners(_ documents: [String], hasMore: Bool = false) -> Message {
        .winners(Winners(winningNumber: 7, hasMore: hasMore, documents: documents))
    }

    private func consult(
        _ link: ScriptedLink, _ change: (inout WinnersConsultation) -> Void = { _ in }
    ) throws -> WinnersConsultation.Outcome {
        var dialog = try SendingFixture([], link).dialog(.winners)
        var consultation = WinnersConsultation(drawDeadline: .seconds(600))
        change(&consultation)
        return try consultation.run(&dialog)
    }

    @Test("winners are requested until they arrive, and their parts are joined")
    func told() throws {
        let link = link { $0 < 3 ? [notYet] : [winners(["1", "2"], hasMore: true), winners(["3"])] }
        #expect(try consult(link) == WinnersConsultation.Outcome(winningNumber: 7, documents: ["1", "2", "3"]))
    }

    @Test("a draw that is not published in time ends with 75")
    func notDrawn() throws {
        let link = link { _ in [notYet] }
        let start = link.now
        #expect {
            _ = try consult(link)
        } throws: { ProgramExit(for: $0) == .tryLater && "\($0)".contains("agency winners") }
        #expect(start.duration(to: link.now) >= .seconds(600) && start.duration(to: link.now) < .seconds(640))
    }

    @Test("a terminal shows the progress of the draw at once")
    func watched() throws {
        let link = link { $0 == 1 ? [notYet] : [winners([])] }
        var lines: [String] = []
        _ = try consult(link) { $0.waiting = { lines.append(DrawStatusLine.text($0)) } }
        #expect(lines == ["waiting for the draw: 3 of 5 agencies have finished"])
        let waits = link.sent.compactMap { if case .consultWinners(let wait) = $0 { wait } else { nil } }
        #expect(waits == [1, 10_000])
    }

    @Test("more winners than the agency has bets are rejected")
    func tooMany() throws {
        let link = link { _ in [winners(["1", "2"], hasMore: true), winners(["3"], hasMore: true)] }
        #expect {
            _ = try consult(link) { $0.maxWinners = 2 }
        } throws: { ProgramExit(for: $0) == .tryLater }
    }

    @Test("the report has the winning bets, the number in four digits, and the bets that are not in the draw")
    func report() {
        let outcome = WinnersConsultation.Outcome(winningNumber: 7, documents: ["30904465"])
        func report(_ totals: BetSender.Totals, _ invalidLines: Int?) -> AgencyReport {
            AgencyReport(agency: AgencyID(2), totals: totals, invalidLines: invalidLines, winners: outcome)
        }
        let whole = report(BetSender.Totals(stored: 1317), 0)
        #expect(whole.text == "agency 2: 1317 bets stored, 1 winning bet on number 0007: 30904465")
        #expect(!whole.isIncomplete)
        #expect(
            whole.json
                == #"{"agency":2,"bets":1317,"invalidLines":0,"rejectedBets":0,"winners":["30904465"],"winningNumber":7}"#
        )
        let partial = report(BetSender.Totals(stored: 1, rejected: 2), 3)
        #expect(
            partial.text.hasSuffix("; 2 bets rejected by the service; 3 invalid lines not sent") && partial.isIncomplete
        )
        #expect(!report(BetSender.Totals(stored: 1), nil).json.contains("invalidLines"))
    }
}
