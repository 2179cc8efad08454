import NIOCore
import Shared

/// What the ingest service keeps for one event loop: its connections, and those of them that became ready in this tick.
///
/// Isolation: its event loop only.
final class IngestLoop {
    let eventLoop: any EventLoop
    let outbox: LoopOutbox
    let readBuffer: ReadBuffer
    private let queue: ConnectionQueue
    let budget: FrameBudget
    /// Each knows its index.
    private var handlers: [IngestChannelHandler] = []
    private var ready: [IngestConnection] = []

    init(eventLoop: any EventLoop, readBuffer: ReadBuffer, queue: ConnectionQueue, budget: FrameBudget) {
        self.eventLoop = eventLoop
        self.readBuffer = readBuffer
        self.queue = queue
        self.budget = budget
        outbox = LoopOutbox(eventLoop: eventLoop)
    }

    func add(_ handler: IngestChannelHandler) {
        handler.loopIndex = handlers.count
        handlers.append(handler)
    }

    func remove(_ handler: IngestChannelHandler) {
        let last = handlers.removeLast()
        guard last !== handler else { return }
        last.loopIndex = handler.loopIndex
        handlers[handler.loopIndex] = last
    }

    /// Puts a connection into the queue at the end of this tick, together with all others that become ready in it.
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

    /// Ends connections whose deadline has passed.
    ///
    /// Called every second; 15,000 connections cost about a millisecond. While somebody waits for memory, frames that
    /// came to a halt are ended after 2 s: who announces frames and does not send them holds nobody up for longer.
    func sweep() {
        let now = eventLoop.now
        let isShort = budget.isShort
        for handler in handlers { handler.expire(now: now, isMemoryShort: isShort) }
    }

    /// Tells every agency that the service stops, and closes.
    func closeAll() {
        for handler in handlers { handler.shutDown() }
    }
}
