// The bare SwiftNIO server that consultations are measured beside: what swift-nio itself costs for the same bytes.
//
//   quiniela-echo PORT REQUEST_BYTES ANSWER_HEX
//
// For every REQUEST_BYTES that come in, whatever they are, it sends the answer.
// Channel options and event loops are those of the services (Sources/Shared/Connections/Listener.swift, EventLoops.swift),
// except the memory it reads into, which is from the plain allocator.
import NIOCore
import NIOPosix

final class EchoHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let requestBytes: Int
    private let answer: ByteBuffer
    private var unansweredBytes = 0

    init(requestBytes: Int, answer: ByteBuffer) {
        self.requestBytes = requestBytes
        self.answer = answer
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        unansweredBytes += unwrapInboundIn(data).readableBytes
        while unansweredBytes >= requestBytes {
            unansweredBytes -= requestBytes
            context.write(wrapOutboundOut(answer), promise: nil)
        }
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        context.flush()
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case .inputClosed? = event as? ChannelEvent { context.close(promise: nil) }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.close(promise: nil)
    }
}

func bytes(ofHex hex: String) -> [UInt8]? {
    guard !hex.isEmpty, hex.count.isMultiple(of: 2) else { return nil }
    let digits = hex.compactMap(\.hexDigitValue)
    guard digits.count == hex.count else { return nil }
    return stride(from: 0, to: digits.count, by: 2).map { UInt8(digits[$0] << 4 | digits[$0 + 1]) }
}

let arguments = CommandLine.arguments
guard arguments.count == 4, let port = Int(arguments[1]), let requestBytes = Int(arguments[2]), requestBytes > 0,
    let answerBytes = bytes(ofHex: arguments[3])
else { fatalError("usage: quiniela-echo PORT REQUEST_BYTES ANSWER_HEX") }
let answer = ByteBuffer(bytes: answerBytes)

let server = try ServerBootstrap(group: MultiThreadedEventLoopGroup(numberOfThreads: max(1, System.coreCount / 2)))
    .serverChannelOption(.backlog, value: 4096)
    .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
    .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
    .childChannelOption(.socketOption(.so_keepalive), value: 1)
    .childChannelOption(.allowRemoteHalfClosure, value: true)
    .childChannelOption(.maxMessagesPerRead, value: 1)
    .childChannelOption(.recvAllocator, value: FixedSizeRecvByteBufferAllocator(capacity: 1024))
    .childChannelOption(.writeBufferWaterMark, value: .init(low: 16 << 10, high: 64 << 10))
    .childChannelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
            try channel.pipeline.syncOperations.addHandler(EchoHandler(requestBytes: requestBytes, answer: answer))
        }
    }
    .bind(host: "127.0.0.1", port: port).wait()
try server.closeFuture.wait()
