import DequeModule
import Domain
import Identity
import Ledger
import Platform
import Shell
import TLS

/// The events that the main thread waits for.
///
/// Isolation: any thread posts; the main thread waits.
final class MainInbox: Sendable {
    enum Event: Sendable {
        case failed(LedgerError)
        /// A server of the cluster cannot keep what an acknowledgement promises.
        case rejected(ConfigurationError)
        case stop(String)
        /// The last chunks of agencies of a draw became durable since the last event.
        case agencyFinished(DrawID)
        case allAgenciesFinished(DrawID)
        /// The first late chunk of these agencies is in the draw's list.
        case late(DrawID, [AgencyID])
        /// The seal and its closing group are durable.
        case sealed(DrawID, SealRecord)
        /// The messages of a draw on a cluster contradict each other.
        case damaged(DrawID, String)
        /// A document that a node of the cluster has stored.
        case document(DrawID, name: String, bytes: [UInt8])
        /// Agencies of a draw have an end, as a node of the cluster says.
        case agenciesEnded(DrawID, [AgencyID])
        /// A planned draw is due to open.
        case openingsDue
        /// The wall clock moved against the monotonic one.
        case clockStepped(milliseconds: Int)
        case command(OperatorCommand)
        case rosterChanged(AgencyGate.Change)
        case certificateChanged(ServerTLS.Change)
        case denied
    }

    private struct State {
        var failure: LedgerError?
        var stopSignal: String?
        /// Kept together, so that progress.json is written once for all that finish meanwhile.
        var finished: Set<DrawID> = []
        var events: Deque<Event> = []
    }

    private let monitor = Monitor(State())

    func post(_ event: Event) {
        monitor.withLock { state in
            switch event {
            case .failed(let error): state.failure = error
            case .stop(let signal): state.stopSignal = signal
            case .agencyFinished(let draw): state.finished.insert(draw)
            default: state.events.append(event)
            }
        }
        monitor.wakeAll()
    }

    /// Blocks until there is an event; returns the most urgent one first.
    ///
    /// A failure or a stop stays in the inbox.
    func waitForNextEvent() -> Event {
        let event = monitor.wait { Self.takeEvent(&$0) }
        guard let event else { preconditionFailure("a wait without a deadline ended") }
        return event
    }

    /// Returns nil instead of waiting.
    func takeNextEvent() -> Event? {
        monitor.withLock { Self.takeEvent(&$0) }
    }

    private static func takeEvent(_ state: inout State) -> Event? {
        if let failure = state.failure { return .failed(failure) }
        if let signal = state.stopSignal { return .stop(signal) }
        if let draw = state.finished.min(by: { $0.name < $1.name }) {
            state.finished.remove(draw)
            return .agencyFinished(draw)
        }
        return state.events.popFirst()
    }

    var stopSignal: String? { monitor.withLock(\.stopSignal) }

    /// The error that ended a committer, if any.
    var failure: LedgerError? { monitor.withLock(\.failure) }

    var isStopping: Bool {
        monitor.withLock { $0.stopSignal != nil || $0.failure != nil }
    }
}
