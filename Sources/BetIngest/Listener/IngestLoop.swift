import Connections
import NIOCore
import Shell
import WireProtocol

/// The connections of one event loop, and those that became ready in the current tick.
///
/// Isolation: its event loop only.
final class IngestLoop {
    let eventLoop: any EventLoop
    let outbox: LoopOutbox
    let connections: FramedLoop
    private let queue: ConnectionQueue
    private let log: EventLog
    private var ready: [IngestConnection] = []

    init(
        eventLoop: any EventLoop, readBuffer: ReadBuffer, queue: ConnectionQueue, budget: FrameBudget, log: EventLog
    ) {
        self.eventLoop = eventLoop
        self.queue = queue
        self.log = log
        connections = FramedLoop(eventLoop: eventLoop, readBuffer: readBuffer, budget: budget)
        outbox = LoopOutbox(eventLoop: eventLoop)
    }

    /// Queues a connection at the end of the current tick, together with all others that become ready in it.
    func handOver(_ connection: IngestConnection) {
        if ready.isEmpty {
            eventLoop.assumeIsolated().execute { [self] in
                let batch = ready
                ready.removeAll(keepingCapacity: true)
                queue.put(batch)
            }
        }
        ready.append(connection)
    }

    func report(_ fault: WinnersFault, peer: String) {
        log(.messageFailed(peer: peer, reason: "its winners cannot be sent: \(fault)"))
    }

    func closeAll() {
        connections.forEach { $0.finish(with: Message.shuttingDown.encoded) }
    }
}
