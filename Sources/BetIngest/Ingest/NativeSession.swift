import Connections
import Domain
import WireProtocol

/// The state of a native connection.
struct NativeSession: IngestSession {
    private enum State: Sendable {
        /// → `streaming` on HELLO; → `closed` on anything else.
        case awaitingHello
        /// → `closed`.
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

    func isImmediate(_ event: ConnectionEvent) -> Bool {
        if case .streaming = state { false } else { true }
    }

    mutating func receive(_ event: ConnectionEvent, today: Birthdate) -> Request? {
        if case .closed = state { return nil }
        switch event {
        case .ended: return close(with: .left)
        case .expired(let reason): return close(with: .failed(.deadline, reason))
        case .invalidFrame(let fault): return close(with: .failed(.malformedFrame, "\(fault)"))
        case .frame(let frame):
            do throws(MessageFault) {
                return receive(try Message(frame: frame.bytes), frame.reservation, today: today)
            } catch {
                return close(with: .failed(.malformedMessage, "\(error)"))
            }
        }
    }

    private mutating func receive(_ message: Message, _ reservation: Reservation?, today: Birthdate) -> Request {
        switch (state, message) {
        case (.awaitingHello, .hello(let hello)):
            if let (code, text) = hello.fault(draw: draw, agencies: agencies) {
                return close(with: .failed(code, text))
            }
            state = .streaming(hello.agency)
            return .join(hello.agency, tellsStream: hello.version >= 2)
        case (.awaitingHello, _):
            return close(with: .failed(.unexpectedMessage, "HELLO comes first"))
        case (.streaming(let agency), .chunk(let chunk)):
            return .chunk(CheckedChunk(chunk, today: today, reservation), agency)
        case (_, .consultWinners):
            return close(
                with: .failed(.unexpectedMessage, "the winners service answers consultations, on its own port"))
        default:
            return close(with: .failed(.unexpectedMessage, "only chunks are expected after HELLO"))
        }
    }

    /// Closes the session and releases its agency.
    private mutating func close(with decision: Decision) -> Request {
        defer { state = .closed }
        if case .streaming(let agency) = state { return .leave(agency, decision) }
        return .leave(nil, decision)
    }
}
