import Domain
import TestKit
import Testing
import WireProtocol

@testable import BetIngest

/// Every state of the session × every event.
struct NativeSessionTests {
    private static let chunk = Samples.chunk(agency: 1, sequence: 1)
    private static let events: [NativeSession.Event] = [
        .message(.hello(Hello(agency: AgencyID(1)))), .message(.chunk(chunk)),
        .message(.consultWinners(waitMilliseconds: 0)), .message(.error(.busy, "")),
        .malformed(.unknownType(9)), .badFrame(.header), .expired("late"), .hungUp,
    ]

    private func kind(_ action: IngestAction) -> String {
        switch action {
        case .join(let agency, _): "join \(agency)"
        case .admit(_, let agency): "admit \(agency)"
        case .fail(let code, _, let agency): "fail \(code) \(agency.map { "\($0)" } ?? "-")"
        case .leave(let agency): "leave \(agency.map { "\($0)" } ?? "-")"
        case .ignore: "ignore"
        case .number, .finish, .consult, .askDrawn, .answer: "\(action)"
        }
    }

    @Test("before HELLO nothing else is taken")
    func awaitingHello() {
        let actions = Self.events.map { event in
            var session = NativeSession(draw: Samples.draw, agencies: 5)
            return kind(session.receive(event))
        }
        #expect(
            actions == [
                "join 1", "fail unexpectedMessage -", "fail unexpectedMessage -", "fail unexpectedMessage -",
                "fail malformedMessage -", "fail malformedFrame -", "fail deadline -", "leave -",
            ])
    }

    @Test("after HELLO chunks are taken")
    func streaming() {
        let actions = Self.events.map { event in
            var session = NativeSession(draw: Samples.draw, agencies: 5)
            _ = session.receive(Self.events[0])
            return kind(session.receive(event))
        }
        #expect(
            actions == [
                "fail unexpectedMessage 1", "admit 1", "fail unexpectedMessage 1", "fail unexpectedMessage 1",
                "fail malformedMessage 1", "fail malformedFrame 1", "fail deadline 1", "leave 1",
            ])
    }

    @Test("after a failure everything is ignored, whatever it was")
    func closed() {
        for first in Self.events.dropFirst() {
            for second in Self.events {
                var session = NativeSession(draw: Samples.draw, agencies: 5)
                _ = session.receive(first)
                #expect(session.receive(second) == .ignore)
            }
        }
    }

    @Test(
        "a HELLO of another version, agency, draw or with a token is refused",
        arguments: [
            (Hello(version: 3, agency: AgencyID(1)), ErrorCode.unsupportedVersion),
            (Hello(agency: AgencyID(0)), .unknownAgency), (Hello(agency: AgencyID(6)), .unknownAgency),
            (Hello(agency: AgencyID(1), draw: "other"), .unknownDraw),
            (Hello(agency: AgencyID(1), token: "t"), .tokenNotAccepted),
        ])
    func refusedHello(_ hello: Hello, _ code: ErrorCode) {
        var session = NativeSession(draw: Samples.draw, agencies: 5)
        guard case .fail(let found, _, nil) = session.receive(.message(.hello(hello))) else {
            Issue.record("\(hello) was not refused")
            return
        }
        #expect(found == code)
    }
}
