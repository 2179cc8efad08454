package import NIOCore
import NIOPosix

/// The event loops of a service, each with its state.
///
/// Isolation: the main thread starts and closes them; `Loop` is created and used on its loop only.
package final class EventLoops<Loop>: Sendable {
    private struct PerLoop: Sendable {
        let eventLoop: any EventLoop
        let state: NIOLoopBound<Loop>
        let readBuffer: NIOLoopBoundBox<ReadBuffer>
        let encryptedReadBuffer: NIOLoopBoundBox<ReadBuffer>
    }

    let group: MultiThreadedEventLoopGroup
    private let loops: [PerLoop]
    let connections: ConnectionCount

    /// Starts the threads and blocks until they run.
    ///
    /// - Parameters:
    ///   - count: nil for one per two cores.
    ///   - connections: counts the connections of all ports on these loops.
    ///   - readBytes: the most that one read takes from a socket.
    ///   - makeLoop: called once on each event loop.
    ///   - sweep: called on each loop at every interval.
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
                    readBuffer: NIOLoopBoundBox(readBuffer, eventLoop: eventLoop),
                    encryptedReadBuffer: NIOLoopBoundBox(
                        ReadBuffer(byteCount: ReadBufferReturn.byteCount), eventLoop: eventLoop))
            }.wait()
        }
        for loop in loops {
            loop.eventLoop.scheduleRepeatedTask(initialDelay: sweepInterval, delay: sweepInterval) { _ in
                sweep(loop.state.value)
            }
        }
    }

    /// The state of an event loop, on which the caller is.
    func state(of eventLoop: any EventLoop) -> Loop { perLoop(eventLoop).state.value }

    /// The allocator of plain connections' read buffers.
    func readBuffer(of eventLoop: any EventLoop) -> ReadBufferAllocator {
        ReadBufferAllocator(perLoop(eventLoop).readBuffer)
    }

    /// The buffer that encrypted connections read into.
    func encryptedReadBuffer(of eventLoop: any EventLoop) -> NIOLoopBoundBox<ReadBuffer> {
        perLoop(eventLoop).encryptedReadBuffer
    }

    private func perLoop(_ eventLoop: any EventLoop) -> PerLoop {
        guard let loop = loops.first(where: { $0.eventLoop === eventLoop }) else {
            preconditionFailure("a connection on an unknown event loop")
        }
        return loop
    }

    /// Schedules `body` on every loop.
    package func onEachLoop(_ body: @escaping @Sendable (Loop) -> Void) {
        for loop in loops {
            loop.eventLoop.execute { body(loop.state.value) }
        }
    }

    /// Ends the loops; first close the ports, end the connections and wait for them to close.
    package func end() {
        try? group.syncShutdownGracefully()
    }
}

/// The number of event loops.
package enum EventLoopCount {
    /// The configured number; by default one per two cores.
    package static func count(_ configured: Int?) -> Int { configured ?? max(1, System.coreCount / 2) }
}
