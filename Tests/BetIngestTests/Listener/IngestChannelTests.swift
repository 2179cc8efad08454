import Connections
import Domain
import NIOCore
import NIOEmbedded
import Shell
import TestKit
import Testing
import WireProtocol

@testable import BetIngest

/// The socket side of a connection on an embedded event loop, whose turns the test gives.
struct IngestChannelTests {
    private let eventLoop = EmbeddedEventLoop()
    private let queue = ConnectionQueue(capacity: 10)

    private func makeLoop() -> IngestLoop {
        IngestLoop(
            eventLoop: eventLoop, readBuffer: ReadBuffer(byteCount: 64), queue: queue,
            budget: FrameBudget(byteCount: 1 << 20, maxFrameBytes: 1 << 18), log: .silent)
    }

    private func makePort() throws -> IngestPort {
        IngestPort(try ServiceConfiguration(flags: [:], environment: [:], file: nil), agencies: 5, dialect: nil)
    }

    @Test("a connection that closes with its final answer in flight goes once, and the others stay")
    func closesWithAnswerInFlight() throws {
        let (loop, port) = (makeLoop(), try makePort())
        let handlers = (0..<2).map { IngestChannel.handler(loop: loop, port: port, peer: "\($0)", slot: nil) }
        let channels = handlers.map { EmbeddedChannel(handler: $0, loop: eventLoop) }
        handlers[0].finish(with: Message.shuttingDown.encoded)
        channels[0].pipeline.fireChannelInactive()
        eventLoop.run()
        loop.closeAll()
        eventLoop.run()
        #expect(try channels[1].readOutbound(as: ByteBuffer.self) == ByteBuffer(bytes: Message.shuttingDown.encoded))
    }

    @Test("a closed connection keeps its slot until nothing has an answer for it")
    func slotOfWhatIsStillAnswered() throws {
        let count = ConnectionCount(max: 1, maxPerAddress: 1)
        let channel = EmbeddedChannel(loop: eventLoop)
        var slot = count.admit(channel)
        #expect(slot != nil)
        try channel.pipeline.syncOperations.addHandler(
            IngestChannel.handler(loop: makeLoop(), port: try makePort(), peer: "test", slot: slot))
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
