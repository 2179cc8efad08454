import NIOCore
import NIOEmbedded

/// A connection over a network that delays and splits the bytes.
///
/// The service's side is the shipped channel handler on an embedded loop; the client's side is the received bytes.
///
/// Isolation: one thread.
final class SimulatedConnection {
    /// A handler that shows the network when the service's channel reads, and when it has ended its output.
    private final class Edge: ChannelDuplexHandler {
        typealias InboundIn = ByteBuffer
        typealias OutboundIn = ByteBuffer

        var wantsRead = false
        var hasEndedOutput = false

        func read(context: ChannelHandlerContext) {
            wantsRead = true
        }

        func close(context: ChannelHandlerContext, mode: CloseMode, promise: EventLoopPromise<Void>?) {
            hasEndedOutput = true
            if mode == .output {
                promise?.succeed(())
            } else {
                context.close(mode: mode, promise: promise)
            }
        }
    }

    private let channel: EmbeddedChannel
    private let edge = Edge()
    /// The bytes in flight to the service.
    private(set) var outgoing: [UInt8] = []
    /// The bytes in flight to the client.
    private(set) var incoming: [UInt8] = []
    /// The bytes that have arrived and that the client has not taken.
    private(set) var received: [UInt8] = []
    private var hasEndedInput = false
    private var isEndDelivered = false
    /// Whether the connection was reset; then it is ignored.
    private(set) var isGone = false

    init(_ handler: any ChannelHandler, loop: EmbeddedEventLoop) {
        channel = EmbeddedChannel(handlers: [edge, handler], loop: loop)
        channel.connect(to: Self.anywhere, promise: nil)
        loop.run()
        channel.pipeline.read()
    }

    private static let anywhere: SocketAddress = {
        do {
            return try SocketAddress(ipAddress: "127.0.0.1", port: 1)
        } catch {
            preconditionFailure("127.0.0.1 is an address")
        }
    }()

    /// Whether the service has ended its output and all of it has arrived.
    var isEnded: Bool { (edge.hasEndedOutput || !channel.isActive) && incoming.isEmpty }

    var canDeliverOutgoing: Bool {
        channel.isActive && edge.wantsRead && (!outgoing.isEmpty || hasEndedInput && !isEndDelivered)
    }

    /// A description of its state, for messages.
    var state: String {
        "\(outgoing.count) out, \(incoming.count) in, \(received.count) received, active \(channel.isActive), gone \(isGone), ended \(edge.hasEndedOutput), fin \(hasEndedInput) \(isEndDelivered), reads \(edge.wantsRead)"
    }

    // MARK: The client

    func send(_ bytes: [UInt8]) {
        // Nothing is sent after the end of input.
        if !hasEndedInput { outgoing += bytes }
    }

    func take(_ byteCount: Int) {
        received.removeFirst(byteCount)
    }

    /// Ends the client's side; what was sent still arrives.
    func endInput() {
        hasEndedInput = true
    }

    /// Closes both sides at once; bytes in flight are lost.
    func reset() {
        isGone = true
        channel.close(promise: nil)
        outgoing.removeAll()
        incoming.removeAll()
    }

    // MARK: The network

    /// Delivers some bytes, or the end of input, to the service.
    func deliverOutgoing(_ byteCount: Int) {
        guard canDeliverOutgoing else { return }
        if outgoing.isEmpty {
            isEndDelivered = true
            channel.pipeline.fireUserInboundEventTriggered(ChannelEvent.inputClosed)
            return
        }
        let taken = min(byteCount, outgoing.count)
        edge.wantsRead = false
        channel.pipeline.fireChannelRead(ByteBuffer(bytes: outgoing[..<taken]))
        channel.pipeline.fireChannelReadComplete()
        outgoing.removeFirst(taken)
        if channel.isActive { channel.pipeline.read() }
    }

    /// Delivers some bytes to the client.
    func deliverIncoming(_ byteCount: Int) {
        let taken = min(byteCount, incoming.count)
        received += incoming[..<taken]
        incoming.removeFirst(taken)
    }

    /// Collects the bytes that the service has written.
    func collect() {
        while let buffer = try? channel.readOutbound(as: ByteBuffer.self) {
            incoming += Array(buffer.readableBytesView)
        }
    }
}
