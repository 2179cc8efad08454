import NIOCore
import NIOPosix
import Shared

/// The socket of port 1 and its event loops: one loop for two cores.
///
/// Isolation: the main thread starts and stops it; everything else happens on its loops.
final class IngestListener: Sendable {
    private let group: MultiThreadedEventLoopGroup
    private let loops: [NIOLoopBound<IngestLoop>]
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
        _ endpoint: Endpoint, maxConnections: Int, queue: ConnectionQueue, budget: FrameBudget,
        settings: IngestChannelHandler.Settings, session: IngestSession
    ) throws {
        let group = MultiThreadedEventLoopGroup(
            numberOfThreads: max(1, System.coreCount / 2))
        self.group = group
        let loops = try group.makeIterator().map { eventLoop in
            try eventLoop.submit {
                NIOLoopBound(
                    IngestLoop(eventLoop: eventLoop, queue: queue, budget: budget), eventLoop: eventLoop)
            }.wait()
        }
        self.loops = loops
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
                    .recvAllocator,
                    value: AdaptiveRecvByteBufferAllocator(
                        minimum: 1024, initial: 8192, maximum: Limits.maxReadBytes)
                )
                .childChannelOption(
                    .writeBufferWaterMark, value: .init(low: 16 << 10, high: 64 << 10)
                )
                .childChannelInitializer { channel in
                    guard let slot = count.admit(channel) else {
                        return channel.refuse(with: Message.busy(maxConnections: maxConnections).encoded)
                    }
                    return channel.eventLoop.makeCompletedFuture {
                        guard let loop = loops.first(where: { $0.eventLoop === channel.eventLoop })
                        else { preconditionFailure("a connection on an unknown event loop") }
                        let peer = channel.remoteAddress?.hostAndPort ?? "unknown"
                        let handler = IngestChannelHandler(
                            loop: loop.value, budget: budget, settings: settings
                        ) { answers in
                            IngestConnection(peer: peer, session: session, answers: answers, slot: slot)
                        }
                        try channel.pipeline.syncOperations.addHandler(handler)
                    }
                }
                .bind(host: endpoint.host, port: endpoint.port).wait()
        } catch {
            try? group.syncShutdownGracefully()
            throw ListenFailure(key: "ingest.listen", endpoint: endpoint, error: error)
        }
        address = server.localAddress?.hostAndPort ?? "\(endpoint)"
        for loop in loops {
            loop.eventLoop.scheduleRepeatedTask(initialDelay: .seconds(1), delay: .seconds(1)) {
                _ in loop.value.sweep(now: .now())
            }
        }
    }

    /// Closes the port.
    ///
    /// Connections go on. Blocks until it is closed.
    func stopAccepting() {
        try? server.close().wait()
    }

    /// Says goodbye to every connection, and ends the loops.
    ///
    /// Blocks up to half a second.
    func close() {
        for loop in loops {
            loop.eventLoop.execute { loop.value.closeAll() }
        }
        connectionCount.waitForNone(until: .now + .milliseconds(400))
        try? group.syncShutdownGracefully()
    }
}
