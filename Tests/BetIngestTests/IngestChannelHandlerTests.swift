import NIOCore
import NIOEmbedded
import Shared
import TestKit
import Testing

@testable import BetIngest

/// The socket side of a connection on an embedded event loop, whose turns the test gives.
struct IngestChannelHandlerTests {
    private let eventLoop = EmbeddedEventLoop()
    private let queue = ConnectionQueue(capacity: 10)

    private func makeLoop() -> IngestLoop {
        IngestLoop(
            eventLoop: eventLoop, readBuffer: ReadBuffer(byteCount: 64), queue: queue,
            budget: FrameBudget(byteCount: 1 << 20))
    }

    private func makePort() throws -> IngestPort {
        IngestPort(try ServiceConfiguration(flags: [:], environment: [:], file: nil), dialect: nil)
    }

    @Test("a connection that closes with its last answer on the way goes once, and the others stay")
    func closesWithAnswerOnItsWay() throws {
        let (loop, port) = (makeLoop(), try makePort())
        let handlers = (0..<2).map { IngestChannelHandler(loop: loop, port: port, peer: "\($0)", slot: nil) }
        let channels = handlers.map { EmbeddedChannel(handler: $0, loop: eventLoop) }
        handlers[0].shutDown()
        channels[0].pipeline.fireChannelInactive()
        eventLoop.run()
        let operations = channels[0].pipeline.syncOperations
        operations.removeHandler(context: try operations.context(handlerType: IngestChannelHandler.self), promise: nil)
        loop.closeAll()
        eventLoop.run()
        #expect(try channels[0].readOutbound(as: ByteBuffer.self) == nil)
        #expect(try channels[1].readOutbound(as: ByteBuffer.self) == ByteBuffer(bytes: Message.shuttingDown.encoded))
    }

    @Test("a closed connection keeps its place below the ceiling until nobody has an answer for it")
    func slotOfWhatIsStillAnswered() throws {
        let count = ConnectionCount(max: 1, maxPerAddress: 1)
        let channel = EmbeddedChannel(loop: eventLoop)
        var slot = count.admit(channel)
        #expect(slot != nil)
        try channel.pipeline.syncOperations.addHandler(
            IngestChannelHandler(loop: makeLoop(), port: try makePort(), peer: "test", slot: slot))
        slot = nil
        try channel.writeInbound(ByteBuffer(bytes: Message.hello(Hello(agency: AgencyID(1))).encoded))
        eventLoop.run()
        // What the committer keeps for WELCOME.
        var answers = queue.waitForNextConnection()?.answers
        _ = try channel.finish()
        eventLoop.run()
        #expect(answers != nil && count.admit(channel) == nil)
        answers = nil
        #expect(count.admit(channel) != nil)
    }
}
