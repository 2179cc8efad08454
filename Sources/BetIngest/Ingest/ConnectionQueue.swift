import DequeModule
import Platform

/// The blocking queue between the event loops, which put connections with a whole next chunk, and the workers, which
/// take them.
///
/// First in, first out; each connection is queued at most once.
///
/// Isolation: any thread. Bounded: the listener admits no more connections than `capacity`, so it never overflows.
final class ConnectionQueue: Sendable {
    private struct State {
        var connections: Deque<IngestConnection> = []
        var isShutDown = false
    }

    let capacity: Int
    private let monitor = Monitor(State())

    init(capacity: Int) {
        self.capacity = capacity
    }

    /// Appends connections without blocking; does nothing after a shutdown.
    ///
    /// - Precondition: fewer than `capacity` connections are waiting.
    func put(_ ready: [IngestConnection]) {
        let waiting = monitor.withLock { state in
            guard !state.isShutDown else { return 0 }
            state.connections.append(contentsOf: ready)
            return state.connections.count
        }
        precondition(waiting <= capacity, "\(waiting) connections wait in a queue of \(capacity)")
        if ready.count == 1 { monitor.wakeOne() } else { monitor.wakeAll() }
    }

    /// Blocks a worker until a connection is queued, and removes it.
    ///
    /// - Returns: nil after a shutdown.
    func waitForNextConnection() -> IngestConnection? {
        let next = monitor.wait { state -> IngestConnection?? in
            if state.isShutDown { return .some(nil) }
            return state.connections.popFirst().map(Optional.some)
        }
        return next ?? nil
    }

    var count: Int { monitor.withLock(\.connections.count) }

    var isEmpty: Bool { monitor.withLock(\.connections.isEmpty) }

    /// Ends every wait and drops the queued connections.
    ///
    /// Their chunks were never acknowledged, so the agencies send them again.
    func shutDown() {
        monitor.withLock { state in
            state.isShutDown = true
            state.connections.removeAll()
        }
        monitor.wakeAll()
    }
}
