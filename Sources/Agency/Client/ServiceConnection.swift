import Domain
import NIOCore
import NIOPosix
import Platform
import TLS
import WireProtocol

/// A connection to one of the services; received messages go to the mailbox.
///
/// Isolation: the main thread; its socket belongs to the event loop.
struct ServiceConnection {
    private let channel: any Channel

    /// Blocks until connected, up to 10 s, or until a stop signal.
    ///
    /// - Throws: ``ConnectionFailure`` with the system's reason, such as `Connection refused` or a timeout; ``Stopped``.
    init(_ endpoint: Endpoint, mailbox: Mailbox, group: any EventLoopGroup, tls: ClientTLS?) throws {
        let number = mailbox.beginConnection()
        ClientBootstrap(group: group)
            .channelOption(.tcpOption(.tcp_nodelay), value: 1)
            .connectTimeout(.seconds(10))
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try tls?.add(to: channel, host: endpoint.host)
                    try channel.pipeline.syncOperations.addHandler(
                        MessageHandler(mailbox: mailbox, number: number, isEncrypted: tls != nil))
                }
            }
            .connect(host: endpoint.host, port: endpoint.port)
            .whenComplete { result in
                switch result {
                case .success(let channel): mailbox.postConnected(channel, from: number)
                case .failure(let error): mailbox.postClosed(reasonText(error), from: number)
                }
            }
        switch mailbox.waitForNextEvent(until: .now + .seconds(15)) {
        case .connected(let channel): self.channel = channel
        case .closed(let reason): throw ConnectionFailure(reason: reason)
        case .stopped(let signal): throw Stopped(signal: signal)
        case .message, .timeout: throw ConnectionFailure(reason: "no connection within 15 s")
        }
    }

    /// Never blocks: the window bounds what is in flight.
    func send(_ message: Message) {
        channel.writeAndFlush(ByteBuffer(bytes: message.encoded), promise: nil)
    }

    /// Blocks until it is closed.
    func close() {
        try? channel.close().wait()
    }
}

/// Decodes messages on the event loop.
private final class MessageHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let mailbox: Mailbox
    private let number: Int
    private let isEncrypted: Bool
    private var decoder = FrameDecoder(maxFrameBytes: Limits.largestMaxFrameBytes)

    init(mailbox: Mailbox, number: Int, isEncrypted: Bool) {
        self.isEncrypted = isEncrypted
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
            case .needsMemory:
                decoder.admit()
            case .frame(let frame):
                do throws(MessageFault) {
                    guard mailbox.post(try Message(frame: frame), from: number) else {
                        return fail(context, "the service sent more messages than were requested")
                    }
                } catch {
                    return fail(context, "the service sent an invalid message: \(error)")
                }
            case .invalid(let fault):
                return fail(context, "the service sent \(fault)")
            }
        }
    }

    func channelInactive(context: ChannelHandlerContext) {
        mailbox.postClosed("the connection was closed", from: number)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        fail(context, isEncrypted ? "TLS: \(TLSFault.text(error))" : "\(error)")
    }

    private func fail(_ context: ChannelHandlerContext, _ reason: String) {
        mailbox.postClosed(reason, from: number)
        context.close(promise: nil)
    }
}

/// The reason of a failed connect, without NIO's wrapping.
private func reasonText(_ error: any Error) -> String {
    switch error {
    case let error as NIOConnectionError:
        guard let attempt = error.connectionErrors.first else {
            return "no address for the name \(error.host)"
        }
        return reasonText(attempt.error)
    case let error as IOError:
        return SystemCall.errorText(error.errnoCode)
    default:
        return "\(error)"
    }
}
