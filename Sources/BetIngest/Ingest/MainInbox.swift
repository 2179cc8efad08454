import Shared

/// What the main thread waits for.
///
/// Isolation: any thread posts; the main thread waits.
final class MainInbox: Sendable {
    enum Event: Sendable {
        case failed(LedgerError)
        case stop(String)
        case allAgenciesFinished
        /// Agencies whose last chunk became durable since the last event.
        case agenciesFinished([AgencyID])
    }

    private struct State {
        var failure: LedgerError?
        var stopSignal: String?
        var allFinished = false
        var finished: [AgencyID] = []
    }

    private let monitor = Monitor(State())

    func postFailure(_ error: LedgerError) {
        post { $0.failure = error }
    }

    func postStop(_ signal: String) {
        post { $0.stopSignal = signal }
    }

    func postAllFinished() {
        post { $0.allFinished = true }
    }

    func postFinished(_ agency: AgencyID) {
        post { $0.finished.append(agency) }
    }

    /// Blocks until something has happened; what is most urgent comes first.
    ///
    /// A failure or a stop stays.
    func waitForNextEvent() -> Event {
        let event = monitor.wait { state -> Event? in
            if let failure = state.failure { return .failed(failure) }
            if let signal = state.stopSignal { return .stop(signal) }
            if !state.finished.isEmpty {
                defer { state.finished.removeAll() }
                return .agenciesFinished(state.finished)
            }
            if state.allFinished {
                state.allFinished = false
                return .allAgenciesFinished
            }
            return nil
        }
        guard let event else { preconditionFailure("a wait without a deadline ended") }
        return event
    }

    /// The name of the stop signal that has come.
    var stopSignal: String? { monitor.withLock(\.stopSignal) }

    /// What ended the committer, if something did.
    var failure: LedgerError? { monitor.withLock(\.failure) }

    /// A stop signal or a failure has come.
    var isStopping: Bool {
        monitor.withLock { $0.stopSignal != nil || $0.failure != nil }
    }

    private func post(_ change: (inout State) -> Void) {
        monitor.withLock(change)
        monitor.wakeAll()
    }
}
