import Connections
import NIOCore
import NIOEmbedded
import WireProtocol

/// A connection on an embedded loop: a test is its peer, and its delegate records calls and answers nothing.
final class EmbeddedConnection: FramedConnectionDelegate {
    /// The phase of a connection, as it can be observed.
    enum Stage: CaseIterable {
        case open, ending, draining, lingering, closed
    }

    /// The final answer of a connection that is made in a later stage than ``Stage/ending``.
    static let finalByte: UInt8 = 7

    let loop = EmbeddedEventLoop()
    let channel: EmbeddedChannel
    let handler: FramedChannelHandler
    /// The delegate's calls.
    private(set) var calls: [String] = []

    init() throws {
        let settings = FramedSettings(
            framing: .native, window: 2, firstWindow: 2, maxFrameBytes: 100, firstMaxFrameBytes: 100,
            firstFrameBytes: .max,
            deadlines: ConnectionDeadlines(hello: .seconds(600), frame: .seconds(600), idle: .seconds(600)),
            isKnownAtOnce: true, isNative: true)
        let framedLoop = FramedLoop(eventLoop: loop, readBuffer: ReadBuffer(byteCount: 1024), budget: nil)
        handler = FramedChannelHandler(loop: framedLoop, settings: settings, slot: nil)
        channel = EmbeddedChannel(handlers: [OutputEnd(), handler], loop: loop)
        handler.setDelegate(self)
        try channel.connect(to: SocketAddress(ipAddress: "127.0.0.1", port: 1)).wait()
    }

    /// Makes a connection in a stage.
    convenience init(_ stage: Stage) throws {
        try self.init()
        switch stage {
        case .open: break
        case .ending: try receive([255, 255, 255, 255])
        case .draining:
            channel.isWritable = false
            handler.finish(with: [Self.finalByte])
        case .lingering: handler.finish(with: [Self.finalByte])
        case .closed: handler.closeNow()
        }
        calls = []
    }

    func receive(_ bytes: [UInt8]) throws {
        try channel.writeInbound(ByteBuffer(bytes: bytes))
    }

    /// Ends the peer's output.
    func receiveEndOfInput() {
        channel.pipeline.fireUserInboundEventTriggered(ChannelEvent.inputClosed)
    }

    /// Lets the peer take everything.
    func takeAll() {
        channel.isWritable = true
        channel.pipeline.fireChannelWritabilityChanged()
    }

    /// Lets an amount of time pass, after which deadlines are checked.
    func expire(after amount: TimeAmount) {
        loop.advanceTime(by: amount)
        handler.expire(now: loop.now, isMemoryShort: false)
    }

    /// Returns the bytes written since the last call.
    func written() throws -> [UInt8] {
        var bytes: [UInt8] = []
        while let buffer = try channel.readOutbound(as: ByteBuffer.self) { bytes += Array(buffer.readableBytesView) }
        return bytes
    }

    /// Checks the deadlines as if an amount of time had passed; returns whether the connection is open.
    private func isOpen(after amount: TimeAmount) -> Bool {
        handler.expire(now: loop.now + amount, isMemoryShort: false)
        return channel.isActive
    }

    /// The stage, from the deadline at which the connection is closed.
    ///
    /// Ends the connection unless it is open.
    var stage: Stage {
        if !channel.isActive { return .closed }
        if !isOpen(after: .seconds(2)) { return .lingering }
        if !isOpen(after: .seconds(5)) { return .ending }
        if !isOpen(after: .seconds(60)) { return .draining }
        return .open
    }

    func receive(_ frame: Frame) { calls.append("frame") }
    func receive(_ fault: FrameFault) { calls.append("fault") }
    func expire(_ reason: String) { calls.append("expired") }
    func endInput() { calls.append("end of input") }
    func close() { calls.append("close") }
    func fail(_ fault: WinnersFault) { calls.append("fail") }
}

/// A handler that ends the output of an embedded channel, which would close as a whole.
private final class OutputEnd: ChannelOutboundHandler {
    typealias OutboundIn = ByteBuffer

    func close(context: ChannelHandlerContext, mode: CloseMode, promise: EventLoopPromise<Void>?) {
        guard mode == .output else {
            context.close(mode: mode, promise: promise)
            return
        }
        promise?.succeed(())
    }
}
