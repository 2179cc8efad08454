import Dialects
import Domain
import TestKit
import Testing
import WireProtocol

@testable import WinnersService

/// Every state of the session × every event.
struct ConsultSessionTests {
    private static let events: [ConsultSession.Event] = [
        .message(.hello(Hello(agency: AgencyID(1)))), .message(.consultWinners(waitMilliseconds: 9)),
        .message(.chunk(Samples.chunk(agency: 1, sequence: 1))), .malformed(.unknownType(9)), .badFrame(.header),
        .expired("late"),
    ]

    private static let draws = KnownDraws(configured: Samples.draw, configuredAgencies: 5)

    private func kind(_ action: ConsultSession.Action) -> String {
        switch action {
        case .welcome(let agency, _): "welcome \(agency)"
        case .consult(let agency, _, let wait): "consult \(agency) \(wait.map(String.init) ?? "always")"
        case .close: "close"
        case .fail(let code, _): "fail \(code)"
        case .deny(let agency, _): "deny \(agency)"
        case .ignore: "ignore"
        }
    }

    @Test("only HELLO is accepted first, then only consultations")
    func walk() {
        let before = Self.events.map { event in
            var session = ConsultSession()
            return kind(session.receive(event, draws: Self.draws, today: Samples.today))
        }
        #expect(
            before == [
                "welcome 1", "fail unexpectedMessage", "fail unexpectedMessage", "fail malformedMessage",
                "fail malformedFrame", "fail deadline",
            ])
        let after = Self.events.map { event in
            var session = ConsultSession()
            _ = session.receive(Self.events[0], draws: Self.draws, today: Samples.today)
            return kind(session.receive(event, draws: Self.draws, today: Samples.today))
        }
        #expect(
            after == [
                "fail unexpectedMessage", "consult 1 9", "fail unexpectedMessage", "fail malformedMessage",
                "fail malformedFrame", "fail deadline",
            ])
        for first in Self.events.dropFirst() {
            for second in Self.events {
                var session = ConsultSession()
                _ = session.receive(first, draws: Self.draws, today: Samples.today)
                #expect(session.receive(second, draws: Self.draws, today: Samples.today) == .ignore)
            }
        }
    }

    @Test("a dialect's consultation names its agency and waits without limit; any other request closes the connection")
    func dialects() {
        let requests: [(DialectRequest, String)] = [
            (.consult(AgencyID(1), .init(wait: .always)), "consult 1 always"),
            (.consult(AgencyID(6), .init(wait: .always)), "close"), (.consult(nil, .init(wait: .always)), "close"),
            (.chunk(AgencyID(1), Samples.chunk(agency: 1, sequence: 0)), "close"), (.askDrawn, "close"),
            (.unknown(reason: ""), "close"),
        ]
        for (request, expected) in requests {
            var session = ConsultSession()
            #expect(kind(session.receive(request, draws: Self.draws, today: Samples.today)) == expected)
            #expect(kind(session.receive(request, draws: Self.draws, today: Samples.today)) == "ignore")
        }
    }

    @Test("an agency outside the draw is rejected")
    func unknownAgencies() {
        for number in [0, 6] as [UInt32] {
            var session = ConsultSession()
            #expect(
                kind(
                    session.receive(
                        .message(.hello(Hello(agency: AgencyID(number)))), draws: Self.draws, today: Samples.today))
                    == "fail unknownAgency")
        }
    }
}
