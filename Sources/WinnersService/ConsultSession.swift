import Dialects
import Domain
import WireProtocol

/// The protocol state of one connection to the winners' port.
///
/// Pure: messages in, actions out.
struct ConsultSession: Sendable {
    enum Event: Sendable {
        case message(Message)
        case malformed(MessageFault)
        case badFrame(FrameFault)
        case expired(String)
    }

    /// Draws are nil for an agency that named none.
    enum Action: Equatable, Sendable {
        case welcome(AgencyID, DrawID?)
        /// Close without an answer; for dialects.
        case close
        /// Answer now if the draw is published; otherwise park up to `waitMilliseconds`, or without limit.
        case consult(AgencyID, DrawID?, waitMilliseconds: UInt32?)
        /// Answer ERROR and close.
        case fail(ErrorCode, String)
        case ignore
    }

    private enum State: Sendable {
        /// → `welcomed` by HELLO; → `closed` by anything else.
        case awaitingHello
        /// → `closed`.
        case welcomed(AgencyID, DrawID?)
        /// Final.
        case closed
    }

    private var state = State.awaitingHello

    /// Receives the request of an agency of a dialect.
    ///
    /// No HELLO is needed: the consultation names its agency, and waits without limit.
    mutating func receive(_ request: DialectRequest, draws: KnownDraws) -> Action {
        if case .closed = state { return .ignore }
        state = .closed
        guard case .consult(let agency?, _) = request else { return .close }
        guard agency.fault(agencies: draws.agencies(of: draws.draw(consultedBy: agency))) == nil else { return .close }
        return .consult(agency, nil, waitMilliseconds: nil)
    }

    mutating func receive(_ event: Event, draws: KnownDraws) -> Action {
        switch (state, event) {
        case (.closed, _):
            return .ignore
        case (_, .malformed(let fault)):
            return fail(.malformedMessage, "\(fault)")
        case (_, .badFrame(let fault)):
            return fail(.malformedFrame, "\(fault)")
        case (_, .expired(let what)):
            return fail(.deadline, what)
        case (.awaitingHello, .message(.hello(let hello))):
            return receive(hello, draws)
        case (.awaitingHello, .message):
            return fail(.unexpectedMessage, "HELLO comes first")
        case (.welcomed(let agency, let draw), .message(.consultWinners(let waitMilliseconds))):
            return .consult(agency, draw, waitMilliseconds: waitMilliseconds)
        case (.welcomed, .message(.chunk)):
            return fail(
                .unexpectedMessage, "bets are taken by the ingest service, on its own port")
        case (.welcomed, .message):
            return fail(.unexpectedMessage, "only consultations are expected after HELLO")
        }
    }

    private mutating func receive(_ hello: Hello, _ draws: KnownDraws) -> Action {
        if let (code, text) = hello.fault { return fail(code, text) }
        switch draws.draw(named: hello.draw) {
        case .failure(let fault):
            return fail(fault.code, fault.reason)
        case .success(let draw):
            let agencies = draws.agencies(of: draw ?? draws.draw(consultedBy: hello.agency))
            if let fault = hello.agency.fault(agencies: agencies) { return fail(.unknownAgency, fault) }
            state = .welcomed(hello.agency, draw)
            return .welcome(hello.agency, draw)
        }
    }

    private mutating func fail(_ code: ErrorCode, _ text: String) -> Action {
        state = .closed
        return .fail(code, text)
    }
}
