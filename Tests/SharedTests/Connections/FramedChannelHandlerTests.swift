import Connections
import Domain
import Ledger
import NIOCore
import NIOEmbedded
import TestKit
import Testing
import WireProtocol

/// Tests of a long answer to a slow peer, without a socket: the test steps the clock.
struct FramedChannelHandlerTests {
    /// The socket of a peer that takes one piece at a time.
    private final class SlowPeer: ChannelOutboundHandler {
        typealias OutboundIn = ByteBuffer

        func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
            (context.channel as? EmbeddedChannel)?.isWritable = false
            context.write(data, promise: promise)
        }
    }

    /// A delegate that answers each frame with a list of winners.
    private final class Winners: FramedConnectionDelegate {
        private let handler: FramedChannelHandler
        private let list: WinnersStream
        private let ending: AnswerOutput.Ending
        var expired: [String] = []

        init(_ handler: FramedChannelHandler, _ list: WinnersStream, _ ending: AnswerOutput.Ending) {
            self.handler = handler
            self.list = list
            self.ending = ending
        }

        func receive(_ frame: Frame) {
            _ = handler.collect(.winners(list), ending)
            handler.flush()
        }

        func expire(_ reason: String) {
            expired.append(reason)
            handler.finish()
        }

        func receive(_ fault: FrameFault) {}
        func endInput() {}
        func close() {}
        func fail(_ fault: WinnersFault) {}
    }

    private static let idle = Duration.seconds(60)
    private let eventLoop = EmbeddedEventLoop()
    private let loop: FramedLoop
    private let list: WinnersStream
    private let listBytes: [UInt8]

    init() throws {
        loop = FramedLoop(eventLoop: eventLoop, readBuffer: ReadBuffer(byteCount: 64), budget: nil)
        let file = try Samples.winnersFile([(0..<10_000).map { "\(30_000_000 + $0)" }])
        list = try #require(WinnersStream(file, try file.entry(AgencyID(1)), dialect: nil))
        var (rest, bytes) = (list, [UInt8]())
        while !rest.isDone { try rest.appendNext(to: &bytes) }
        listBytes = bytes
    }

    /// Asks for the list on a new connection.
    private func ask(_ ending: AnswerOutput.Ending) throws -> (EmbeddedChannel, Winners) {
        let settings = FramedSettings(
            framing: .native, window: 1, firstWindow: 1, maxFrameBytes: 1024, firstMaxFrameBytes: 1024,
            firstFrameBytes: .max,
            deadlines: ConnectionDeadlines(hello: .seconds(1), frame: .seconds(1), idle: Self.idle),
            isKnownAtOnce: true, isNative: true)
        let handler = FramedChannelHandler(loop: loop, settings: settings, slot: nil)
        let delegate = Winners(handler, list, ending)
        handler.setDelegate(delegate)
        let channel = EmbeddedChannel(handlers: [SlowPeer(), handler], loop: eventLoop)
        try channel.connect(to: SocketAddress(ipAddress: "127.0.0.1", port: 1)).wait()
        try channel.writeInbound(ByteBuffer(bytes: [0, 0, 0, 1, 7]))
        return (channel, delegate)
    }

    /// Returns the bytes written since the last call.
    private func written(_ channel: EmbeddedChannel) throws -> [UInt8] {
        var bytes: [UInt8] = []
        while let buffer = try channel.readOutbound(as: ByteBuffer.self) { bytes += Array(buffer.readableBytesView) }
        return bytes
    }

    @Test(
        "a peer that takes a piece of a long answer every 59 seconds gets all of it",
        arguments: [AnswerOutput.Ending.none, .afterLast])
    func slowPeer(_ ending: AnswerOutput.Ending) throws {
        let (channel, delegate) = try ask(ending)
        var received = try written(channel)
        var pieces = 1
        while received.count < listBytes.count, channel.isActive, pieces < 100 {
            eventLoop.advanceTime(by: .seconds(59))
            loop.sweep()
            channel.isWritable = true
            channel.pipeline.fireChannelWritabilityChanged()
            received += try written(channel)
            pieces += 1
        }
        #expect(pieces > 5 && received == listBytes, "\(pieces) pieces, \(received.count) of \(listBytes.count) bytes")
        #expect(delegate.expired == [])
        _ = try? channel.finish(acceptAlreadyClosed: true)
    }

    @Test("a peer that takes nothing of its final answer for a minute is disconnected, and not before")
    func silentPeer() throws {
        let (channel, _) = try ask(.afterLast)
        for (seconds, isActive) in [(59, true), (1, false)] as [(Int64, Bool)] {
            eventLoop.advanceTime(by: .seconds(seconds))
            loop.sweep()
            #expect(channel.isActive == isActive)
        }
        #expect(try written(channel).count < listBytes.count / 2)
        _ = try? channel.finish(acceptAlreadyClosed: true)
    }
}
