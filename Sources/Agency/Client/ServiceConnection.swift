import NIOCore
import NIOPosix
import Shared

/// A connection to one of the services.
///
/// Messages go out at once and come in through the mailbox.
///
/// Isolation: the main thread; sockets live on the event loop.
struct ServiceConnection {
    private let channel: any Channel

    /// Connects.
    ///
    /// Blocks until connected, or up to 10 s.
    ///
    /// - Throws: the system's error: refused, timed out, no such name.
    init(_ endpoint: Endpoint, mailbox: Mailbox, group: any EventLoopGroup) throws {
        let number = mailbox.beginConnection()
        channel = try ClientBootstrap(group: group)
            .channelOption(.socketOption(.tcp_nodelay), value: 1)
            .connectTimeout(.seconds(10))
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(
                        MessageHandler(mailbox: mailbox, number: number))
                }
            }
            .connect(host: endpoint.host, port: endpoint.port).wait()
    }

    /// Sends a message.
    ///
    /// Never blocks: the window bounds what is on its way.
    func send(_ message: Message) {
        channel.writeAndFlush(ByteBuffer(bytes: message.encoded), promise: nil)
    }

    /// Closes.
    ///
    /// Blocks until it is closed.
    func close() {
        try? channel.close().wait()
    }
}

/// Bytes to messages, on the event loop.
private final class MessageHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let mailbox: Mailbox
    private let number: Int
    private var decoder = FrameDecoder(maxFrameBytes: Limits.maxFrameBytesCeiling)

    init(mailbox: Mailbox, number: Int) {
        self.mailbox = mailbox
        self.number = number
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let bytes = unwrapInboundIn(data)
        let input = bytes.readableBytesSpan
        var index = 0
        while true {
            switch decoder.next(input, from: &index) {
            case .needsBytes:
                return
            case .frameBegins:
                decoder.admitFrame()
            case .frame(let frame):
                do throws(MessageFault) {
                    mailbox.post(try Message(frame: frame), from: number)
                } catch {
                    return fail(context, "the service sent no message: \(error)")
                }
            case .invalid(let length):
                return fail(context, "the service sent a frame of \(length) bytes")
            }
        }
    }

    func channelInactive(context: ChannelHandlerContext) {
        mailbox.postClosed("the connection was closed", from: number)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        fail(context, "\(error)")
    }

    private func fail(_ context: ChannelHandlerContext, _ reason: String) {
        mailbox.postClosed(reason, from: number)
        context.close(promise: nil)
    }
}
