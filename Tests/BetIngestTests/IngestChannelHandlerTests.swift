import NIOCore
import NIOEmbedded
import Shared
import TestKit
import Testing

@testable import BetIngest

/// The socket side of a connection on an embedded event loop, whose turns the test gives.
struct IngestChannelHandlerTests {
    @Test("a connection that closes with its last answer on the way goes once, and the others stay")
    func closesWithAnswerOnItsWay() throws {
        let eventLoop = EmbeddedEventLoop()
        let loop = IngestLoop(
            eventLoop: eventLoop, readBuffer: ReadBuffer(byteCount: 64), queue: ConnectionQueue(capacity: 10),
            budget: FrameBudget(byteCount: 1 << 20))
        let port = IngestPort(try ServiceConfiguration(flags: [:], environment: [:], file: nil), dialect: nil)
        var connections: [IngestConnection] = []
        let channels = (0..<2).map { index in
            let handler = IngestChannelHandler(loop: loop, port: port) { answers in
                let connection = port.connection(peer: "\(index)", answers: answers, slot: nil)
                connections.append(connection)
                return connection
            }
            return EmbeddedChannel(handler: handler, loop: eventLoop)
        }
        connections[0].answers.send(Answer(message: .shuttingDown, closes: true))
        channels[0].pipeline.fireChannelInactive()
        eventLoop.run()
        let operations = channels[0].pipeline.syncOperations
        operations.removeHandler(context: try operations.context(handlerType: IngestChannelHandler.self), promise: nil)
        loop.closeAll()
        eventLoop.run()
        #expect(try channels[0].readOutbound(as: ByteBuffer.self) == nil)
        #expect(try channels[1].readOutbound(as: ByteBuffer.self) == ByteBuffer(bytes: Message.shuttingDown.encoded))
    }
}
