import Connections
import Domain
import WireProtocol

/// A connection that speaks the native protocol.
struct NativeSession: IngestSession {
    /// What happened on the connection, in its order.
    enum Event: Sendable {
        case message(Message)
        case malformed(MessageFault)
        case badFrame(FrameFault)
        /// HELLO, a frame or anything at all did not come in time.
        case expired(String)
        case hungUp
    }

    private enum State: Sendable {
        /// To `streaming` by HELLO, to `closed` by anything else.
        case awaitingHello
        /// To `closed`.
        case streaming(AgencyID)
        /// Final.
        case closed
    }

    private let draw: DrawID
    private let agencies: UInt32
    private var state = State.awaitingHello

    init(draw: DrawID, agencies: UInt32) {
        self.draw = draw
        self.agencies = agencies
    }

    mutating func receive(_ item: IngestConnection.Item, today: Birthdate) -> IngestAction {
        switch item {
        case .frame(let frame):
            do throws(MessageFault) {
                return receive(.message(try Message(frame: frame.bytes)))
            } catch {
                return receive(.malformed(error))
            }
        case .badFrame(let fault): return receive(.badFrame(fault))
        case .expired(let what): return receive(.expired(what))
        case .hungUp: return receive(.hungUp)
        }
    }

    mutating func receive(_ event: Event) -> IngestAction {
        switch (state, event) {
        case (.closed, _):
            return .ignore
        case (_, .hungUp):
            let agency = agency
            state = .closed
            return .leave(agency)
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
            state = .streaming(hello.agency)
            return .join(hello.agency, tellsStream: hello.version >= 2)
        case (.awaitingHello, .message):
            return fail(.unexpectedMessage, "HELLO comes first")
        case (.streaming(let agency), .message(.chunk(let chunk))):
            return .admit(chunk, agency)
        case (.streaming, .message(.consultWinners)):
            return fail(
                .unexpectedMessage, "winners are told by the winners service, on its own port")
        case (.streaming, .message):
            return fail(.unexpectedMessage, "only chunks are expected after HELLO")
        }
    }

    private var agency: AgencyID? {
        if case .streaming(let agency) = state { agency } else { nil }
    }

    private mutating func fail(_ code: ErrorCode, _ text: String) -> IngestAction {
        let agency = agency
        state = .closed
        return .fail(code, text, agency)
    }
}
