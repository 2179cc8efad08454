import DequeModule
import Platform

/// The blocking queue between the event loops, which put connections whose next chunk is whole, and the workers, which
/// take them.
///
/// First in, first out; a connection stands in it once at most.
///
/// Isolation: any thread. Bounded: the listener admits no more connections than `capacity`, so it never overflows.
final class ConnectionQueue: Sendable {
    private struct State {
        var connections: Deque<IngestConnection> = []
        var isShutDown = false
    }

    private let capacity: Int
    private let monitor = Monitor(State())

    init(capacity: Int) {
        self.capacity = capacity
    }

    /// Puts connections at the back.
    ///
    /// Never blocks. After a shutdown nothing happens.
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

    /// Waits for the connection at the front.
    ///
    /// Blocks; workers only.
    ///
    /// - Returns: nil after a shutdown.
    func waitForNextConnection() -> IngestConnection? {
        let next = monitor.wait { state -> IngestConnection?? in
            if state.isShutDown { return .some(nil) }
            return state.connections.popFirst().map(Optional.some)
        }
        return next ?? nil
    }

    /// Nobody waits: a worker that asked now would block.
    var isEmpty: Bool { monitor.withLock(\.connections.isEmpty) }

    /// Lets every waiting worker go.
    ///
    /// What still waits was never acknowledged and will be sent again.
    func shutDown() {
        monitor.withLock { state in
            state.isShutDown = true
            state.connections.removeAll()
        }
        monitor.wakeAll()
    }
}
