import NIOCore
import NIOEmbedded
import Testing

@testable import Connections

struct ConnectionCountTests {
    /// The socket of a peer that takes nothing.
    private final class SilentPeer: ChannelOutboundHandler {
        typealias OutboundIn = ByteBuffer
        private var pending: EventLoopPromise<Void>?

        func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
            pending = promise
        }

        func handlerRemoved(context: ChannelHandlerContext) {
            pending?.fail(ChannelError.ioOnClosedChannel)
        }
    }

    private let eventLoop = EmbeddedEventLoop()
    private let count = ConnectionCount(max: 1, maxPerAddress: 1)

    /// Turns a new connection away.
    private func turnAway(_ handlers: [any ChannelHandler]) throws -> EmbeddedChannel {
        let channel = EmbeddedChannel(handlers: handlers, loop: eventLoop)
        try channel.connect(to: SocketAddress(ipAddress: "127.0.0.1", port: 1)).wait()
        try count.turnAway(channel, with: [7]).wait()
        eventLoop.run()
        return channel
    }

    @Test("at most 32 rejected connections hold a descriptor while they are sent busy; more are closed at once")
    func turnedAway() throws {
        let silent = try (0..<33).map { _ in try turnAway([SilentPeer()]) }
        #expect(silent.map(\.isActive) == Array(repeating: true, count: 32) + [false])
        try silent[0].close().wait()
        eventLoop.run()
        #expect(try turnAway([SilentPeer()]).isActive)
        for channel in silent { _ = try? channel.finish(acceptAlreadyClosed: true) }
    }

    @Test("a rejected connection is sent busy and closed, and then counts no longer")
    func told() throws {
        for _ in 0..<40 {
            let channel = try turnAway([])
            #expect(try channel.readOutbound(as: ByteBuffer.self) == ByteBuffer(bytes: [7]))
            #expect(!channel.isActive)
        }
    }
}
