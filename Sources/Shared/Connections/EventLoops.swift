package import NIOCore
import NIOPosix

/// The event loops of a service and what it keeps for each.
///
/// Isolation: the main thread starts and closes them; `Loop` is made, and touched, on its loop only.
package final class EventLoops<Loop>: Sendable {
    private struct PerLoop: Sendable {
        let eventLoop: any EventLoop
        let state: NIOLoopBound<Loop>
        let readBuffer: NIOLoopBoundBox<ReadBuffer>
    }

    let group: MultiThreadedEventLoopGroup
    private let loops: [PerLoop]
    let connections: ConnectionCount

    /// Starts the threads.
    ///
    /// Blocks until they run.
    ///
    /// - Parameters:
    ///   - count: nil: one for two cores.
    ///   - connections: counts those of all ports that are opened on these loops.
    ///   - readBytes: the most that one read takes from a socket.
    ///   - makeLoop: called once on each event loop.
    ///   - sweep: called on each loop, again and again.
    package init(
        count: Int? = nil, connections: ConnectionCount, sweepInterval: TimeAmount, readBytes: Int,
        makeLoop: @escaping @Sendable (any EventLoop, ReadBuffer) -> Loop,
        sweep: @escaping @Sendable (Loop) -> Void
    ) throws {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: EventLoopCount.count(count))
        self.group = group
        self.connections = connections
        loops = try group.makeIterator().map { eventLoop in
            try eventLoop.submit {
                let readBuffer = ReadBuffer(byteCount: readBytes)
                return PerLoop(
                    eventLoop: eventLoop,
                    state: NIOLoopBound(makeLoop(eventLoop, readBuffer), eventLoop: eventLoop),
                    readBuffer: NIOLoopBoundBox(readBuffer, eventLoop: eventLoop))
            }.wait()
        }
        for loop in loops {
            loop.eventLoop.scheduleRepeatedTask(initialDelay: sweepInterval, delay: sweepInterval) { _ in
                sweep(loop.state.value)
            }
        }
    }

    /// What is kept for an event loop, and what its connections read with.
    ///
    /// - Precondition: it is one of these loops, and the caller is on it.
    func state(of eventLoop: any EventLoop) -> (loop: Loop, readBuffer: ReadBufferAllocator) {
        guard let loop = loops.first(where: { $0.eventLoop === eventLoop }) else {
            preconditionFailure("a connection on an unknown event loop")
        }
        return (loop.state.value, ReadBufferAllocator(loop.readBuffer))
    }

    /// Runs something on every loop, soon.
    package func onEachLoop(_ body: @escaping @Sendable (Loop) -> Void) {
        for loop in loops {
            loop.eventLoop.execute { body(loop.state.value) }
        }
    }

    /// Ends the loops at once.
    ///
    /// Close the ports first, say goodbye, and wait for the connections to go.
    package func end() {
        try? group.syncShutdownGracefully()
    }
}

/// The number of event loops of a service.
package enum EventLoopCount {
    /// One for two cores, unless `configured` says another number.
    package static func count(_ configured: Int?) -> Int { configured ?? max(1, System.coreCount / 2) }
}
