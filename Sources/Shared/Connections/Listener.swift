private import Glibc
package import Monitoring
package import NIOCore
private import NIOPosix
package import Platform
package import TLS

/// An open port.
///
/// Isolation: the main thread opens and closes it; everything else happens on the event loops.
package struct Listener: Sendable {
    private let server: any Channel
    /// Its actual address.
    package let address: String

    /// The settings that differ between ports.
    package struct Setup: Sendable {
        /// The configuration key, for messages.
        package var key: String
        /// The bytes sent to a connection beyond the limit; empty for a dialect, which cannot express that.
        package var busy: [UInt8]
        /// Called on an event loop.
        package var didFailToAccept: @Sendable (String) -> Void
        /// Called on an event loop for a connection that never got its handler.
        package var didEnd: @Sendable (ConnectionEnds.Reason) -> Void

        /// Nil for a plain port.
        package var secure: Secure?

        package init(
            key: String, busy: [UInt8], secure: Secure? = nil,
            didEnd: @escaping @Sendable (ConnectionEnds.Reason) -> Void = { _ in },
            didFailToAccept: @escaping @Sendable (String) -> Void = { _ in }
        ) {
            self.key = key
            self.busy = busy
            self.secure = secure
            self.didEnd = didEnd
            self.didFailToAccept = didFailToAccept
        }
    }

    /// TLS on a port.
    package struct Secure: Sendable {
        package var tls: ServerTLS
        /// For the handshake and, from the same start, the HELLO.
        package var deadline: Duration
        /// Called on an event loop with the peer's address and port, and the reason.
        package var didFail: @Sendable (_ peer: String, _ reason: String) -> Void

        package init(
            _ tls: ServerTLS, deadline: Duration,
            didFail: @escaping @Sendable (_ peer: String, _ reason: String) -> Void
        ) {
            self.tls = tls
            self.deadline = deadline
            self.didFail = didFail
        }
    }

    /// A connection whose handshake, if its port has TLS, is complete.
    package struct Accepted {
        package let channel: any Channel
        /// Kept as long as the connection.
        package let slot: ConnectionSlot
        /// When it connected.
        package let since: NIODeadline
        /// Nil without TLS, and for a client without a certificate.
        package let client: ClientCertificate?

        /// The peer's address and port.
        package var peer: String { channel.remoteAddress?.hostAndPort ?? "unknown" }
    }

    /// Opens the port; blocks until it is open.
    ///
    /// - Parameter makeHandler: called for each connection, on its loop.
    /// - Throws: ``ListenFailure``, for example that the address is in use.
    package init<Loop>(
        _ endpoint: Endpoint, _ setup: Setup, on loops: EventLoops<Loop>,
        makeHandler: @escaping @Sendable (Loop, Accepted) -> any ChannelHandler
    ) throws {
        do {
            server = try ServerBootstrap(group: loops.group)
                .serverChannelOption(.backlog, value: 4096)
                .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
                .serverChannelInitializer { channel in
                    channel.eventLoop.makeCompletedFuture {
                        try channel.pipeline.syncOperations.addHandler(AcceptPause(setup.didFailToAccept))
                    }
                }
                .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
                // Agencies waiting for the draw are silent for hours: keep-alive detects peers that vanished, within five
                // minutes.
                .childChannelOption(.socketOption(.so_keepalive), value: 1)
                .childChannelOption(.tcpOption(NIOBSDSocket.Option(rawValue: TCP_KEEPIDLE)), value: 180)
                .childChannelOption(.tcpOption(NIOBSDSocket.Option(rawValue: TCP_KEEPINTVL)), value: 30)
                .childChannelOption(.tcpOption(NIOBSDSocket.Option(rawValue: TCP_KEEPCNT)), value: 4)
                // At the peer's end of input a socket delivers everything it has buffered.
                .childChannelOption(.socketOption(.so_rcvbuf), value: 256 << 10)
                .childChannelOption(.allowRemoteHalfClosure, value: true)
                .childChannelOption(.maxMessagesPerRead, value: 1)
                .childChannelOption(.writeBufferWaterMark, value: .init(low: 16 << 10, high: 64 << 10))
                .childChannelInitializer { channel in
                    guard let slot = loops.connections.admit(channel, isNative: !setup.busy.isEmpty) else {
                        setup.didEnd(.limit)
                        return loops.connections.turnAway(channel, with: setup.secure == nil ? setup.busy : [])
                    }
                    return channel.eventLoop.makeCompletedFuture {
                        let since = channel.eventLoop.now
                        let add = { @Sendable (client: ClientCertificate?) throws in
                            let accepted = Accepted(channel: channel, slot: slot, since: since, client: client)
                            let loop = loops.state(of: channel.eventLoop)
                            try channel.pipeline.syncOperations.addHandler(makeHandler(loop, accepted))
                        }
                        guard let secure = setup.secure else {
                            try channel.syncOptions?.setOption(
                                .recvAllocator, value: loops.readBuffer(of: channel.eventLoop))
                            return try add(nil)
                        }
                        try Self.addTLS(secure, to: channel, loops, complete: add, didEnd: setup.didEnd)
                    }
                }
                .bind(host: endpoint.host, port: endpoint.port).wait()
        } catch {
            throw ListenFailure(key: setup.key, endpoint: endpoint, error: error)
        }
        address = server.localAddress?.hostAndPort ?? "\(endpoint)"
    }

    private static func addTLS<Loop>(
        _ secure: Secure, to channel: any Channel, _ loops: EventLoops<Loop>,
        complete: @escaping (_ client: ClientCertificate?) throws -> Void,
        didEnd: @escaping @Sendable (ConnectionEnds.Reason) -> Void
    ) throws {
        let readBuffer = loops.encryptedReadBuffer(of: channel.eventLoop)
        try channel.syncOptions?.setOption(.recvAllocator, value: ReadBufferAllocator(readBuffer))
        try channel.pipeline.syncOperations.addHandler(ReadBufferReturn(readBuffer.value))
        let peer = channel.remoteAddress?.hostAndPort ?? "unknown"
        try ServerTLSHandler.add(
            secure.tls, to: channel, deadline: TimeAmount(secure.deadline),
            .init(
                complete: complete,
                fail: { reason in
                    didEnd(.handshake)
                    secure.didFail(peer, reason)
                }))
    }

    /// Closes the port but no connection; blocks.
    package func stopAccepting() {
        try? server.close().wait()
    }
}

/// A handler that stops accepting for a second after a failure and reports it.
///
/// Without free descriptors every attempt fails at once, and the system signals the waiting connection again and again.
///
/// NIO's AcceptBackoffHandler does not help: a failed accept leaves its read pending, so nothing calls the handler.
private final class AcceptPause: ChannelInboundHandler {
    typealias InboundIn = Channel

    private let report: @Sendable (String) -> Void

    init(_ report: @escaping @Sendable (String) -> Void) {
        self.report = report
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        report((error as? IOError).map { SystemCall.errorText($0.errnoCode) } ?? "\(error)")
        let server = context.channel
        try? server.syncOptions?.setOption(.autoRead, value: false)
        context.eventLoop.scheduleTask(in: .seconds(1)) {
            try? server.syncOptions?.setOption(.autoRead, value: true)  // fails if the port is closed by now
        }
    }
}
