private import Platform

/// The documents of all draws, one after the other: those that are stored, then each new one.
///
/// Isolation: one thread takes documents; any thread tells it of new ones, stops it, and waits for the stop.
package final class DocumentFeed: Sendable {
    private struct State {
        var isTold = false
        var isStopped = false
    }

    private let state = Monitor(State())
    /// News may get lost.
    private static let askInterval = Duration.seconds(1)

    package init() {}

    /// A document was stored.
    package func hear() {
        state.withLock { $0.isTold = true }
        state.wakeAll()
    }

    package func stop() {
        state.withLock { $0.isStopped = true }
        state.wakeAll()
    }

    package var isStopped: Bool { state.withLock(\.isStopped) }

    /// Waits for a stop, and blocks; returns whether there was one in time.
    package func waitForStop(within duration: Duration) -> Bool {
        state.wait(until: .now + duration) { $0.isStopped ? true : nil } ?? false
    }

    /// Blocks until there is a document after a sequence.
    ///
    /// - Parameter deadline: nil waits forever.
    /// - Returns: nil at the deadline and after a stop.
    package func next(
        of documents: EngineDocuments, after sequence: UInt64, until deadline: ContinuousClock.Instant? = nil
    ) -> StoredMessage? {
        while !state.withLock({ state -> Bool in
            state.isTold = false
            return state.isStopped
        }) {
            if let stored = try? documents.next(after: sequence) { return stored }
            let asks = ContinuousClock.now + Self.askInterval
            let end = deadline.map { min($0, asks) } ?? asks
            _ = state.wait(until: end) { $0.isTold || $0.isStopped ? true : nil }
            if let deadline, deadline <= .now { return nil }
        }
        return nil
    }
}
