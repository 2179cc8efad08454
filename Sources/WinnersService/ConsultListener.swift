import NIOCore
import NIOPosix
import Shared

/// The socket of port 2 and its event loops: one loop for two cores.
///
/// Isolation: the main thread starts, feeds and stops it; everything else happens on its loops.
final class ConsultListener: Sendable {
    private let group: MultiThreadedEventLoopGroup
    private let queues: [NIOLoopBound<ConsultQueue>]
    private let server: any Channel
    /// The address that the port really has.
    let address: String
    private let connectionCount: ConnectionCount

    /// Opens the port.
    ///
    /// Blocks until it is open.
    ///
    /// - Throws: the system's error, for example that the address is in use.
    init(
        _ endpoint: Endpoint, maxConnections: Int, progress: DrawProgress,
        session: ConsultSession, helloDeadline: TimeAmount, idleDeadline: TimeAmount
    ) throws {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: max(1, System.coreCount / 2))
        self.group = group
        let queues = try group.makeIterator().map { eventLoop in
            try eventLoop.submit {
                NIOLoopBound(
                    ConsultQueue(
                        progress: progress, helloDeadline: helloDeadline, idleDeadline: idleDeadline),
                    eventLoop: eventLoop)
            }.wait()
        }
        self.queues = queues
        let count = ConnectionCount(max: maxConnections)
        connectionCount = count
        do {
            server = try ServerBootstrap(group: group)
                .serverChannelOption(.backlog, value: 4096)
                .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
                .childChannelOption(.socketOption(.tcp_nodelay), value: 1)
                .childChannelOption(.allowRemoteHalfClosure, value: true)
                .childChannelOption(.maxMessagesPerRead, value: 1)
                .childChannelOption(
                    .recvAllocator, value: FixedSizeRecvByteBufferAllocator(capacity: 1024)
                )
                .childChannelOption(
                    .writeBufferWaterMark, value: .init(low: 16 << 10, high: 64 << 10)
                )
                .childChannelInitializer { channel in
                    guard let slot = count.admit(channel) else {
                        return channel.refuse(with: Message.busy(maxConnections: maxConnections).encoded)
                    }
                    return channel.eventLoop.makeCompletedFuture {
                        guard
                            let queue = queues.first(where: { $0.eventLoop === channel.eventLoop })
                        else { preconditionFailure("a connection on an unknown event loop") }
                        try channel.pipeline.syncOperations.addHandler(
                            ConsultChannelHandler(queue: queue.value, session: session, slot: slot))
                    }
                }
                .bind(host: endpoint.host, port: endpoint.port).wait()
        } catch {
            try? group.syncShutdownGracefully()
            throw ListenFailure(key: "winners.listen", endpoint: endpoint, error: error)
        }
        address = server.localAddress?.hostAndPort ?? "\(endpoint)"
        for queue in queues {
            queue.eventLoop.scheduleRepeatedTask(
                initialDelay: .milliseconds(250), delay: .milliseconds(250)
            ) { _ in queue.value.sweep(now: .now()) }
        }
    }

    /// Answers everybody who waits, on all loops.
    func publish(_ answers: PublishedAnswers) {
        for queue in queues {
            queue.eventLoop.execute { queue.value.publish(answers) }
        }
    }

    func update(_ progress: DrawProgress) {
        for queue in queues {
            queue.eventLoop.execute { queue.value.update(progress) }
        }
    }

    /// Closes the port.
    ///
    /// Blocks until it is closed.
    func stopAccepting() {
        try? server.close().wait()
    }

    /// Says goodbye to every connection, and ends the loops.
    ///
    /// Blocks up to half a second.
    func close() {
        for queue in queues {
            queue.eventLoop.execute { queue.value.closeAll() }
        }
        connectionCount.waitForNone(until: .now + .milliseconds(400))
        try? group.syncShutdownGracefully()
    }
}
