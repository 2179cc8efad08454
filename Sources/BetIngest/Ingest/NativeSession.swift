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

    private let draws: any DrawLookup
    private(set) var draw: DrawEntry?
    private var state = State.awaitingHello

    init(draws: any DrawLookup) {
        self.draws = draws
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
            return receive(hello)
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

    private mutating func receive(_ hello: Hello) -> Request {
        if let (code, text) = hello.fault { return close(with: .failed(code, text)) }
        switch draws.draw(named: hello.draw) {
        case .failure(let unavailable):
            return close(with: .failed(unavailable.code, unavailable.reason))
        case .success(let entry):
            if let fault = hello.agency.fault(agencies: entry.agencies) {
                return close(with: .failed(.unknownAgency, fault))
            }
            draw = entry
            state = .streaming(hello.agency)
            return .join(hello.agency, version: hello.version)
        }
    }

    /// Closes the session and releases its agency.
    private mutating func close(with decision: Decision) -> Request {
        defer { state = .closed }
        if case .streaming(let agency) = state { return .leave(agency, decision) }
        return .leave(nil, decision)
    }
}
