import Connections
import Domain
import TestKit
import Testing
import WireProtocol

@testable import BetIngest

/// Tests of every session state with every event.
struct NativeSessionTests {
    private static let chunk = Samples.chunk(agency: 1, sequence: 1)
    private static let events: [ConnectionEvent] = [
        .frame(of: .hello(Hello(agency: AgencyID(1)))), .frame(of: .chunk(chunk)),
        .frame(of: .consultWinners(waitMilliseconds: 0)), .frame(of: .error(.busy, "")),
        .frame(Frame([9])), .invalidFrame(.header), .expired("late"), .ended,
    ]

    private func kind(_ request: Request?) -> String {
        switch request {
        case .join(let agency, _): "join \(agency)"
        case .chunk(_, let agency): "chunk of \(agency)"
        case .leave(let agency, .failed(let code, _)): "fail \(code) \(agency.map { "\($0)" } ?? "-")"
        case .leave(let agency, .left): "leave \(agency.map { "\($0)" } ?? "-")"
        case nil: "ignored"
        case let request?: "\(request)"
        }
    }

    @Test("until HELLO is accepted, and after the end, events are handled on the event loop")
    func immediate() {
        var session = NativeSession(draws: OneDraw())
        #expect(Self.events.allSatisfy(session.isImmediate))
        _ = session.receive(Self.events[0], today: Samples.today)
        #expect(!Self.events.contains(where: session.isImmediate))
        _ = session.receive(.ended, today: Samples.today)
        #expect(Self.events.allSatisfy(session.isImmediate))
    }

    @Test("before HELLO anything else is rejected")
    func awaitingHello() {
        let actions = Self.events.map { event in
            var session = NativeSession(draws: OneDraw())
            return kind(session.receive(event, today: Samples.today))
        }
        #expect(
            actions == [
                "join 1", "fail unexpectedMessage -", "fail unexpectedMessage -", "fail unexpectedMessage -",
                "fail malformedMessage -", "fail malformedFrame -", "fail deadline -", "leave -",
            ])
    }

    @Test("after HELLO chunks are accepted")
    func streaming() {
        let actions = Self.events.map { event in
            var session = NativeSession(draws: OneDraw())
            _ = session.receive(Self.events[0], today: Samples.today)
            return kind(session.receive(event, today: Samples.today))
        }
        #expect(
            actions == [
                "fail unexpectedMessage 1", "chunk of 1", "fail unexpectedMessage 1", "fail unexpectedMessage 1",
                "fail malformedMessage 1", "fail malformedFrame 1", "fail deadline 1", "leave 1",
            ])
    }

    @Test("after any failure everything is ignored")
    func closed() {
        for first in Self.events.dropFirst() {
            for second in Self.events {
                var session = NativeSession(draws: OneDraw())
                _ = session.receive(first, today: Samples.today)
                #expect(kind(session.receive(second, today: Samples.today)) == "ignored")
            }
        }
    }

    @Test(
        "a HELLO with another version, agency or draw, or with a token, is rejected",
        arguments: [
            (Hello(version: 4, agency: AgencyID(1)), ErrorCode.unsupportedVersion),
            (Hello(agency: AgencyID(0)), .unknownAgency), (Hello(agency: AgencyID(6)), .unknownAgency),
            (Hello(agency: AgencyID(1), draw: "other"), .unknownDraw),
            (Hello(agency: AgencyID(1), token: "t"), .tokenNotAccepted),
        ])
    func rejectedHello(_ hello: Hello, _ code: ErrorCode) {
        var session = NativeSession(draws: OneDraw())
        guard
            case .leave(nil, .failed(let found, _))? = session.receive(.frame(of: .hello(hello)), today: Samples.today)
        else {
            Issue.record("\(hello) was not rejected")
            return
        }
        #expect(found == code)
    }
}
