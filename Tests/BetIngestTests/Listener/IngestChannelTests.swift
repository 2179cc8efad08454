import Connections
import Dialects
import Domain
import NIOCore
import NIOEmbedded
import Shell
import TestKit
import Testing
import WireProtocol

@testable import BetIngest

/// Tests of a connection's socket side on an embedded event loop, which the test steps.
struct IngestChannelTests {
    private let eventLoop = EmbeddedEventLoop()
    private let fixture: CommitterFixture

    init() throws {
        fixture = try CommitterFixture()
    }

    private func makeLoop() -> IngestLoop {
        IngestLoop(
            eventLoop: eventLoop, readBuffer: ReadBuffer(byteCount: 64), queue: fixture.desk.queue,
            budget: FrameBudget(byteCount: 1 << 20, maxFrameBytes: 1 << 18), log: .silent)
    }

    @Test("a connection that closes with its final answer in flight is removed once, and the others stay")
    func closesWithAnswerInFlight() throws {
        let (loop, port) = (makeLoop(), fixture.port)
        let handlers = (0..<2).map { IngestChannel.handler(loop: loop, port: port, peer: "\($0)", slot: nil) }
        let channels = handlers.map { EmbeddedChannel(handler: $0, loop: eventLoop) }
        handlers[0].finish(with: Message.shuttingDown.encoded)
        channels[0].pipeline.fireChannelInactive()
        eventLoop.run()
        loop.closeAll()
        eventLoop.run()
        #expect(try channels[1].readOutbound(as: ByteBuffer.self) == ByteBuffer(bytes: Message.shuttingDown.encoded))
    }

    @Test("a closed connection keeps its slot until its pending answers are delivered")
    func slotOfWhatIsStillAnswered() throws {
        let count = ConnectionCount(max: 1, maxPerAddress: 1)
        let channel = EmbeddedChannel(loop: eventLoop)
        var slot = count.admit(channel)
        #expect(slot != nil)
        try channel.pipeline.syncOperations.addHandler(
            IngestChannel.handler(loop: makeLoop(), port: fixture.port, peer: "test", slot: slot))
        slot = nil
        // The committer keeps the connection until WELCOME is delivered.
        try channel.writeInbound(ByteBuffer(bytes: Message.hello(Hello(agency: AgencyID(1))).encoded))
        eventLoop.run()
        _ = try channel.finish()
        eventLoop.run()
        #expect(count.admit(channel) == nil)
        while let connection = fixture.desk.queue.isEmpty ? nil : fixture.desk.queue.waitForNextConnection() {
            IngestWorker(queue: fixture.desk.queue).takeTurn(connection)
        }
        #expect(fixture.committer.commitStaged())
        eventLoop.run()
        #expect(count.admit(channel) != nil)
    }

    @Test("an error for an unknown peer is sent without queue, worker or committer")
    func unknownPeer() throws {
        let channel = EmbeddedChannel(loop: eventLoop)
        try channel.pipeline.syncOperations.addHandler(
            IngestChannel.handler(loop: makeLoop(), port: fixture.port, peer: "test", slot: nil))
        try channel.writeInbound(ByteBuffer(bytes: Message.consultWinners(waitMilliseconds: 0).encoded))
        eventLoop.run()
        let bytes = try #require(try channel.readOutbound(as: ByteBuffer.self))
        #expect(try Message(frame: Array(bytes.readableBytesView.dropFirst(4))).isError)
        #expect(fixture.desk.queue.isEmpty)
    }

    @Test("a line of the echo port without its end is not echoed, and ends its connection after ingest.frameSeconds")
    func incompleteLine() throws {
        let flags = ["ingest.frameSeconds": "7"]
        let configuration = try ServiceConfiguration(flags: flags, environment: [:], file: nil)
        let port = IngestPort(configuration, dialect: EchoDialect(), desk: fixture.desk)
        let loop = makeLoop()
        let channel = EmbeddedChannel(
            handler: IngestChannel.handler(loop: loop, port: port, peer: "test", slot: nil), loop: eventLoop)
        try channel.connect(to: SocketAddress(ipAddress: "127.0.0.1", port: 1)).wait()
        try channel.writeInbound(ByteBuffer(string: "hola"))
        for (seconds, isActive) in [(6, true), (1, false)] as [(Int64, Bool)] {
            eventLoop.advanceTime(by: .seconds(seconds))
            loop.connections.sweep()
            eventLoop.run()
            #expect(channel.isActive == isActive)
        }
        while let buffer = try channel.readOutbound(as: ByteBuffer.self) { #expect(buffer.readableBytes == 0) }
    }
}

extension Message {
    fileprivate var isError: Bool { if case .error = self { true } else { false } }
}
