package import NIOCore
private import NIOPosix

/// A port and its event loops: one loop for two cores.
///
/// `Loop` is what the service keeps for each event loop; it is made, and touched, on its loop only.
///
/// Isolation: the main thread opens and closes it; everything else happens on its loops.
package final class Listener<Loop>: Sendable {
    private let group: MultiThreadedEventLoopGroup
    private let loops: [NIOLoopBound<Loop>]
    private let server: any Channel
    private let connections: ConnectionCount
    /// The address that the port really has.
    package let address: String

    /// What differs between the services.
    package struct Setup: Sendable {
        /// The configuration's key for the endpoint, for messages.
        package var key: String
        package var maxConnections: Int
        /// What a connection beyond the ceiling is told.
        package var busy: [UInt8]
        /// How much one read takes from a socket.
        package var readBytes: any RecvByteBufferAllocator & Sendable
        package var sweepInterval: TimeAmount

        package init(
            key: String, maxConnections: Int, busy: [UInt8],
            readBytes: any RecvByteBufferAllocator & Sendable, sweepInterval: TimeAmount
        ) {
            self.key = key
            self.maxConnections = maxConnections
            self.busy = busy
            self.readBytes = readBytes
            self.sweepInterval = sweepInterval
        }
    }

    /// Opens the port.
    ///
    /// Blocks until it is open.
    ///
    /// - Parameters:
    ///   - makeLoop: called once on each event loop.
    ///   - sweep: called on each loop, again and again.
    ///   - makeHandler: called for each connection, on its loop; the slot is kept as long as the connection.
    /// - Throws: ``ListenFailure``, for example that the address is in use.
    package init(
        _ endpoint: Endpoint, _ setup: Setup,
        makeLoop: @escaping @Sendable (any EventLoop) -> Loop,
        sweep: @escaping @Sendable (Loop) -> Void,
        makeHandler: @escaping @Sendable (Loop, any Channel, ConnectionSlot) -> any ChannelHandler
    ) throws {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: max(1, System.coreCount / 2))
        let loops = try group.makeIterator().map { eventLoop in
            try eventLoop.submit { NIOLoopBound(makeLoop(eventLoop), eventLoop: eventLoop) }.wait()
        }
        let connections = ConnectionCount(max: setup.maxConnections)
        do {
            server = try ServerBootstrap(group: group)
                .serverChannelOption(.backlog, value: 4096)
                .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
                .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
                .childChannelOption(.allowRemoteHalfClosure, value: true)
                .childChannelOption(.maxMessagesPerRead, value: 1)
                .childChannelOption(.recvAllocator, value: setup.readBytes)
                .childChannelOption(.writeBufferWaterMark, value: .init(low: 16 << 10, high: 64 << 10))
                .childChannelInitializer { channel in
                    guard let slot = connections.admit(channel) else {
                        return channel.refuse(with: setup.busy)
                    }
                    return channel.eventLoop.makeCompletedFuture {
                        guard let loop = loops.first(where: { $0.eventLoop === channel.eventLoop }) else {
                            preconditionFailure("a connection on an unknown event loop")
                        }
                        try channel.pipeline.syncOperations.addHandler(
                            makeHandler(loop.value, channel, slot))
                    }
                }
                .bind(host: endpoint.host, port: endpoint.port).wait()
        } catch {
            try? group.syncShutdownGracefully()
            throw ListenFailure(key: setup.key, endpoint: endpoint, error: error)
        }
        address = server.localAddress?.hostAndPort ?? "\(endpoint)"
        self.group = group
        self.loops = loops
        self.connections = connections
        for loop in loops {
            loop.eventLoop.scheduleRepeatedTask(
                initialDelay: setup.sweepInterval, delay: setup.sweepInterval
            ) { _ in sweep(loop.value) }
        }
    }

    /// Runs something on every loop, soon.
    package func onEachLoop(_ body: @escaping @Sendable (Loop) -> Void) {
        for loop in loops {
            loop.eventLoop.execute { body(loop.value) }
        }
    }

    /// Closes the port.
    ///
    /// Connections go on. Blocks until it is closed.
    package func stopAccepting() {
        try? server.close().wait()
    }

    /// Says goodbye to every connection, and ends the loops.
    ///
    /// Blocks up to half a second.
    package func close(_ sayGoodbye: @escaping @Sendable (Loop) -> Void) {
        onEachLoop(sayGoodbye)
        connections.waitForNone(until: .now + .milliseconds(400))
        try? group.syncShutdownGracefully()
    }
}
