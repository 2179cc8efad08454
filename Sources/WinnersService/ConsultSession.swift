import Dialects
import Domain
import WireProtocol

/// The pure protocol state of one connection to the winners' port.
struct ConsultSession: Sendable {
    enum Event: Sendable {
        case message(Message)
        case malformed(MessageFault)
        case badFrame(FrameFault)
        case expired(String)
    }

    enum Action: Equatable, Sendable {
        case welcome(AgencyID)
        /// Close without an answer; for dialects.
        case close
        /// Answer now if the draw is published; otherwise park up to `waitMilliseconds`, or without limit.
        case consult(AgencyID, waitMilliseconds: UInt32?)
        /// Answer ERROR and close.
        case fail(ErrorCode, String)
        case ignore
    }

    private enum State: Sendable {
        /// → `welcomed` by HELLO; → `closed` by anything else.
        case awaitingHello
        /// → `closed`.
        case welcomed(AgencyID)
        /// Final.
        case closed
    }

    private let draw: DrawID
    private var state = State.awaitingHello

    init(draw: DrawID) {
        self.draw = draw
    }

    /// Receives a dialect's request, without HELLO: it names its agency, and waits without limit.
    mutating func receive(_ request: DialectRequest, agencies: UInt32) -> Action {
        if case .closed = state { return .ignore }
        state = .closed
        guard case .consult(let agency?, _) = request, agency.fault(agencies: agencies) == nil else {
            return .close
        }
        return .consult(agency, waitMilliseconds: nil)
    }

    mutating func receive(_ event: Event, agencies: UInt32) -> Action {
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
            if let (code, text) = hello.fault(draw: draw, agencies: agencies) {
                return fail(code, text)
            }
            state = .welcomed(hello.agency)
            return .welcome(hello.agency)
        case (.awaitingHello, .message):
            return fail(.unexpectedMessage, "HELLO comes first")
        case (.welcomed(let agency), .message(.consultWinners(let waitMilliseconds))):
            return .consult(agency, waitMilliseconds: waitMilliseconds)
        case (.welcomed, .message(.chunk)):
            return fail(
                .unexpectedMessage, "bets are taken by the ingest service, on its own port")
        case (.welcomed, .message):
            return fail(.unexpectedMessage, "only consultations are expected after HELLO")
        }
    }

    private mutating func fail(_ code: ErrorCode, _ text: String) -> Action {
        state = .closed
        return .fail(code, text)
    }
}
