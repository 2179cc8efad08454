import Connections
import Domain
import Identity
import WireProtocol

/// The state of a native connection.
struct NativeSession: IngestSession {
    private enum State: Sendable {
        /// → `streaming` on HELLO; → `closed` on anything else.
        case awaitingHello
        /// → `closed`.
        case streaming(AgencyID, AgencyGate.Pass?)
        /// Final.
        case closed
    }

    private let draws: any DrawLookup
    private let gate: AgencyGate
    private let peer: Peer
    private(set) var draw: DrawEntry?
    private var state = State.awaitingHello

    init(draws: any DrawLookup, gate: AgencyGate = AgencyGate(), peer: Peer = Peer()) {
        self.draws = draws
        self.gate = gate
        self.peer = peer
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
            return receive(hello, today)
        case (.awaitingHello, _):
            return close(with: .failed(.unexpectedMessage, "HELLO comes first"))
        case (.streaming(let agency, var pass), .chunk(let chunk)):
            do throws(AgencyGate.Denial) {
                try gate.check(&pass, on: today)
            } catch {
                return close(with: .denied(agency, reason: error.reason))
            }
            state = .streaming(agency, pass)
            return .chunk(CheckedChunk(chunk, today: today, reservation), agency)
        case (_, .consultWinners):
            return close(
                with: .failed(.unexpectedMessage, "the winners service answers consultations, on its own port"))
        default:
            return close(with: .failed(.unexpectedMessage, "only chunks are expected after HELLO"))
        }
    }

    private mutating func receive(_ hello: Hello, _ today: Birthdate) -> Request {
        let pass: AgencyGate.Pass?
        do throws(EntryFault) {
            pass = try gate.admit(hello, from: peer, on: today)
        } catch {
            switch error {
            case .invalid(let code, let text): return close(with: .failed(code, text))
            case .denied(let reason): return close(with: .denied(hello.agency, reason: reason))
            }
        }
        switch draws.draw(named: hello.draw) {
        case .failure(let unavailable):
            return close(with: .failed(unavailable.code, unavailable.reason))
        case .success(let entry):
            if let fault = entry.agencies.fault(of: hello.agency) {
                return close(with: .failed(.unknownAgency, fault))
            }
            draw = entry
            state = .streaming(hello.agency, pass)
            return .join(hello.agency, version: hello.version)
        }
    }

    /// Closes the session and releases its agency.
    private mutating func close(with decision: Decision) -> Request {
        defer { state = .closed }
        if case .streaming(let agency, _) = state { return .leave(agency, decision) }
        return .leave(nil, decision)
    }
}
