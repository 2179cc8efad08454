import Domain
import Ledger
import Platform

/// The events that the main thread waits for.
///
/// Isolation: any thread posts; the main thread waits.
final class MainInbox: Sendable {
    enum Event: Sendable {
        case failed(LedgerError)
        case stop(String)
        case allAgenciesFinished
        /// Agencies whose last chunk became durable since the last event.
        case agenciesFinished([AgencyID])
        /// The seal and its closing group are durable.
        case sealed(SealRecord)
    }

    private struct State {
        var failure: LedgerError?
        var stopSignal: String?
        var allFinished = false
        var finished: [AgencyID] = []
        var seal: SealRecord?
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

    func postSealed(_ seal: SealRecord) {
        post { $0.seal = seal }
    }

    func postFinished(_ agency: AgencyID) {
        post { $0.finished.append(agency) }
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
        if !state.finished.isEmpty {
            defer { state.finished.removeAll() }
            return .agenciesFinished(state.finished)
        }
        if state.allFinished {
            state.allFinished = false
            return .allAgenciesFinished
        }
        if let seal = state.seal {
            state.seal = nil
            return .sealed(seal)
        }
        return nil
    }

    var stopSignal: String? { monitor.withLock(\.stopSignal) }

    /// The error that ended the committer, if any.
    var failure: LedgerError? { monitor.withLock(\.failure) }

    var isStopping: Bool {
        monitor.withLock { $0.stopSignal != nil || $0.failure != nil }
    }

    private func post(_ change: (inout State) -> Void) {
        monitor.withLock(change)
        monitor.wakeAll()
    }
}
