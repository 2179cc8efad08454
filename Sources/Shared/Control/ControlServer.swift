private import Foundation
private import Glibc
import NIOCore
import NIOPosix
import Platform
import Storage

/// A control socket: requests of operators and monitors, on a thread of its own.
///
/// Nothing here touches the connections of agencies: the socket has its own event loop, a bounded number of peers, and
/// one request of each at a time.
///
/// Isolation: any thread starts and stops it; the handler is called on its event loop.
package final class ControlServer: Sendable {
    /// Answers a request.
    ///
    /// Must not block; the reply may come later, from any thread, and once.
    package typealias Handler =
        @Sendable (ControlRequest, ControlPeer, @escaping @Sendable (ControlReply) -> Void) -> Void

    package let path: String
    private let group: MultiThreadedEventLoopGroup
    private let channel: any Channel

    /// Opens the socket, in place of one that a dead process left.
    ///
    /// Blocks until it is open.
    ///
    /// - Parameters:
    ///   - users: users other than the own one that may connect.
    /// - Throws: ``ControlFailure``.
    package init(_ path: String, users: [String], handler: @escaping Handler) throws {
        try ControlClient.check(path)
        if ControlClient.isServed(path) {
            throw ControlFailure(path: path, reason: "another process serves this socket")
        }
        self.path = path
        let folder = parentFolder(of: path)
        mkdir(folder, 0o700)
        // Peers are checked by their user; without others the folder excludes them already.
        chmod(folder, users.isEmpty ? 0o700 : 0o711)
        group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let peers = ControlPeers(users: Set(users), handler: handler)
        do {
            channel = try ServerBootstrap(group: group)
                // A shell closes its side after the request, and still waits for the reply.
                .childChannelOption(ChannelOptions.allowRemoteHalfClosure, value: true)
                .childChannelInitializer { channel in
                    channel.eventLoop.makeCompletedFuture {
                        try channel.pipeline.syncOperations.addHandler(ControlConnection(peers))
                    }
                }
                .bind(unixDomainSocketPath: path, cleanupExistingSocketFile: true).wait()
        } catch {
            try? group.syncShutdownGracefully()
            throw ControlFailure(path: path, reason: "\(error)")
        }
        chmod(path, users.isEmpty ? 0o600 : 0o666)
    }

    /// Closes the socket and removes it; blocks.
    package func stop() {
        try? channel.close().wait()
        unlink(path)
        try? group.syncShutdownGracefully()
    }
}

/// The parts that the connections of a control socket share.
///
/// Isolation: the socket's event loop.
private final class ControlPeers: @unchecked Sendable {
    static let maxConnections = 32

    let users: Set<String>
    let handler: ControlServer.Handler
    var count = 0

    init(users: Set<String>, handler: @escaping ControlServer.Handler) {
        self.users = users
        self.handler = handler
    }
}

/// `struct ucred`, which the Glibc module lacks.
private struct Credentials: Sendable {
    var pid: Int32 = 0
    var uid: UInt32 = 0
    var gid: UInt32 = 0
}

/// One connection of a control socket.
private final class ControlConnection: ChannelDuplexHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private static let maxLineBytes = 64 << 10
    /// A peer that does not read a reply for so long is disconnected.
    private static let writeDeadline = TimeAmount.seconds(10)
    private static let idleDeadline = TimeAmount.seconds(60)

    private let peers: ControlPeers
    private var peer: ControlPeer?
    private var received: [UInt8] = []
    /// Whether a request is being answered: later ones wait.
    private var isBusy = false
    private var hasEnded = false
    private var isInputClosed = false
    private var idle: Scheduled<Void>?

    init(_ peers: ControlPeers) {
        self.peers = peers
    }

    func channelActive(context: ChannelHandlerContext) {
        peers.count += 1
        expectRequest(context)
        guard peers.count <= ControlPeers.maxConnections else {
            return reject("the connection limit of the control socket is reached", context)
        }
        let bound = NIOLoopBound(context, eventLoop: context.eventLoop)
        let selfBound = NIOLoopBound(self, eventLoop: context.eventLoop)
        guard let options = context.channel as? any SocketOptionProvider else { return }
        let credentials: EventLoopFuture<Credentials> = options.unsafeGetSocketOption(
            level: SocketOptionLevel(SOL_SOCKET), name: SocketOptionName(SO_PEERCRED))
        credentials.whenComplete { result in
            let (context, connection) = (bound.value, selfBound.value)
            guard case .success(let credentials) = result else { return context.close(promise: nil) }
            let peer = ControlPeer(uid: credentials.uid)
            guard peer.isOwn || connection.peers.users.contains(peer.name) else {
                return connection.reject("user \(peer.name) is not in operators.users", context)
            }
            connection.peer = peer
            connection.next(context)
        }
    }

    func channelInactive(context: ChannelHandlerContext) {
        peers.count -= 1
        idle?.cancel()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        received += Array(unwrapInboundIn(data).readableBytesView)
        next(context)
        if received.count > Self.maxLineBytes { reject("a line longer than \(Self.maxLineBytes) bytes", context) }
    }

    /// Reads only while no request is being answered: meanwhile the kernel holds the peer back.
    func read(context: ChannelHandlerContext) {
        if !isBusy, !hasEnded { context.read() }
    }

    /// Disconnects a peer that sends no whole request for a minute: silent ones must not take up all connections.
    private func expectRequest(_ context: ChannelHandlerContext) {
        idle?.cancel()
        let bound = NIOLoopBound(context, eventLoop: context.eventLoop)
        idle = context.eventLoop.scheduleTask(in: Self.idleDeadline) { bound.value.close(promise: nil) }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        guard case ChannelEvent.inputClosed? = event as? ChannelEvent else { return }
        isInputClosed = true
        if !isBusy, peer != nil { context.close(promise: nil) }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.close(promise: nil)
    }

    private func reject(_ reason: String, _ context: ChannelHandlerContext) {
        hasEnded = true
        let bound = NIOLoopBound(context, eventLoop: context.eventLoop)
        context.writeAndFlush(wrapOutboundOut(ByteBuffer(bytes: ControlReply.failed(reason).line)))
            .whenComplete { _ in bound.value.close(promise: nil) }
    }

    /// Handles the next whole line.
    private func next(_ context: ChannelHandlerContext) {
        guard let peer, !isBusy, !hasEnded else { return }
        guard let end = received.firstIndex(of: UInt8(ascii: "\n")) else {
            if isInputClosed { context.close(promise: nil) }
            return
        }
        let line = Data(received[..<end])
        received.removeFirst(end + 1)
        isBusy = true
        idle?.cancel()
        let bound = NIOLoopBound((context, self), eventLoop: context.eventLoop)
        let eventLoop = context.eventLoop
        let reply: @Sendable (ControlReply) -> Void = { reply in
            eventLoop.execute { bound.value.1.send(reply, bound.value.0) }
        }
        do {
            peers.handler(try JSONDecoder().decode(ControlRequest.self, from: line), peer, reply)
        } catch DecodingError.dataCorrupted(let fault) where !fault.debugDescription.isEmpty {
            reply(.failed(fault.debugDescription))
        } catch {
            reply(.failed("the request is not valid: \(error)"))
        }
    }

    private func send(_ reply: ControlReply, _ context: ChannelHandlerContext) {
        guard context.channel.isActive else { return }
        let bound = NIOLoopBound((context, self), eventLoop: context.eventLoop)
        let deadline = context.eventLoop.scheduleTask(in: Self.writeDeadline) { bound.value.0.close(promise: nil) }
        context.writeAndFlush(wrapOutboundOut(ByteBuffer(bytes: reply.line))).whenComplete { _ in
            deadline.cancel()
            let (context, connection) = bound.value
            connection.isBusy = false
            connection.expectRequest(context)
            connection.next(context)
            if !connection.isBusy { context.read() }
        }
    }
}
