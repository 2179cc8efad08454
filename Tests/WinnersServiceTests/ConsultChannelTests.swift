import Connections
import Domain
import Ledger
import NIOCore
import NIOEmbedded
import TestKit
import Testing
import WireProtocol

@testable import WinnersService

/// Tests of a connection to the winners' port without a socket: the handler runs on an embedded loop.
struct ConsultChannelTests {
    private let loop = EmbeddedEventLoop()
    private let queue: ConsultLoop

    init() {
        var draws = KnownDraws(configured: Samples.draw, configuredAgencies: 5)
        draws.live[Samples.draw] = .init(finished: [AgencyID(2)], expectedAgencies: 5, lastAgency: 5)
        queue = ConsultLoop(
            eventLoop: loop, readBuffer: ReadBuffer(byteCount: Limits.maxConsultReadBytes), draws: draws,
            load: { _ in }, clock: { 1_763_676_675_000 }, log: .silent)
    }

    private static let winners = [["A1", "A2"], []]

    @discardableResult
    private func publish(_ winners: [[String]] = Self.winners) throws -> Int {
        queue.publish(try Samples.winnersFile(winners), draw: Samples.draw)
    }

    private func connect() throws -> EmbeddedChannel {
        let settings = FramedSettings(
            framing: .native, window: 1, firstWindow: 1, maxFrameBytes: Limits.maxConsultFrameBytes,
            firstMaxFrameBytes: Limits.maxConsultFrameBytes, firstFrameBytes: .max,
            deadlines: ConnectionDeadlines(hello: .seconds(50), frame: .seconds(70), idle: .seconds(100)),
            isKnownAtOnce: false, isNative: true)
        let channel = EmbeddedChannel(
            handler: ConsultChannel.handler(
                loop: queue, session: ConsultSession(), peer: "127.0.0.1:1", settings: settings, dialect: nil, slot: nil
            ),
            loop: loop)
        try channel.connect(to: SocketAddress(ipAddress: "127.0.0.1", port: 1)).wait()
        return channel
    }

    private func send(_ messages: [Message], to channel: EmbeddedChannel) throws {
        try channel.writeInbound(ByteBuffer(bytes: messages.flatMap(\.encoded)))
    }

    private func answers(_ channel: EmbeddedChannel) throws -> [Message] {
        var bytes: [UInt8] = []
        while let buffer = try channel.readOutbound(as: ByteBuffer.self) { bytes += Array(buffer.readableBytesView) }
        var messages: [Message] = []
        while bytes.count >= 4 {
            let length = bytes[..<4].reduce(0) { $0 << 8 | Int($1) }
            messages.append(try Message(frame: Array(bytes[4..<4 + length])))
            bytes.removeSubrange(..<(4 + length))
        }
        return messages
    }

    private let hello = Message.hello(Hello(agency: AgencyID(1)))

    @Test("before the draw a consultation gets NOT_DRAWN_YET, never an empty list")
    func notDrawnYet() throws {
        let channel = try connect()
        try send([hello, .consultWinners(waitMilliseconds: 0)], to: channel)
        let messages = try answers(channel)
        guard case .welcome = messages[0], case .notDrawnYet(let answer) = messages[1] else {
            Issue.record("\(messages)")
            return
        }
        #expect(answer.finishedAgencies == 1 && answer.expectedAgencies == 5)
        #expect((500...1500).contains(answer.retryAfterMilliseconds))
        _ = try channel.finish()
    }

    @Test("a parked consultation is answered at publication, each agency with its own winners")
    func parked() throws {
        let (first, second) = (try connect(), try connect())
        try send([hello, .consultWinners(waitMilliseconds: 60_000)], to: first)
        try send(
            [.hello(Hello(agency: AgencyID(2))), .consultWinners(waitMilliseconds: 60_000)], to: second)
        #expect(try answers(first).count == 1)
        #expect(try answers(second).count == 1)
        #expect(try publish() == 2)
        #expect(
            try answers(first) == [
                .winners(Winners(winningNumber: 7574, hasMore: false, documents: ["A1", "A2"]))
            ])
        #expect(try answers(second) == [.winners(Winners(winningNumber: 7574, hasMore: false, documents: []))])
        _ = try first.finish()
        _ = try second.finish()
    }

    @Test("an agency whose wait is over gets NOT_DRAWN_YET and may ask again")
    func expiredWait() throws {
        let channel = try connect()
        try send(
            [hello, .consultWinners(waitMilliseconds: 1000), .consultWinners(waitMilliseconds: 0)], to: channel)
        #expect(try answers(channel).count == 1)
        loop.advanceTime(by: .seconds(2))
        queue.sweep()
        let messages = try answers(channel)
        #expect(messages.count == 2)
        for message in messages {
            guard case .notDrawnYet = message else {
                Issue.record("\(message)")
                continue
            }
        }
        _ = try channel.finish()
    }

    @Test("a disconnected agency gets no answer")
    func gone() throws {
        let channel = try connect()
        try send([hello, .consultWinners(waitMilliseconds: 60_000)], to: channel)
        _ = try channel.finish()
        #expect(try publish() == 0)
    }

    @Test("winners that do not fit one message are sent in several, of which the last is marked")
    func manyWinners() throws {
        let expected = (0..<20_000).map { "\(30_000_000 + $0)" }
        try publish([expected, []])
        let channel = try connect()
        try send([hello, .consultWinners(waitMilliseconds: 0)], to: channel)
        let messages = Array(try answers(channel).dropFirst())
        var documents: [String] = []
        for (index, message) in messages.enumerated() {
            guard case .winners(let winners) = message else {
                Issue.record("\(message)")
                continue
            }
            #expect(winners.hasMore == (index < messages.count - 1))
            #expect(message.encoded.count <= Limits.maxInformFrameBytes + 4)
            documents += winners.documents
        }
        #expect(messages.count == 11)
        #expect(documents == expected)
        _ = try channel.finish()
    }

    @Test("all consultations of one read are answered, in few writes")
    func pipelined() throws {
        let many = (1...900).map { String(1000 + $0) }  // an answer too long to be copied after another
        try publish([["A1", "A2"], many])
        for (agency, documents, maxWrites) in [(AgencyID(1), ["A1", "A2"], 1), (AgencyID(2), many, 101)] {
            let channel = try connect()
            let consultations = Array(repeating: Message.consultWinners(waitMilliseconds: 0), count: 100)
            try send([.hello(Hello(agency: agency))] + consultations, to: channel)
            var writes: [ByteBuffer] = []
            while let buffer = try channel.readOutbound(as: ByteBuffer.self) { writes.append(buffer) }
            #expect(writes.count <= maxWrites)
            let answer = Message.winners(Winners(winningNumber: 7574, hasMore: false, documents: documents)).encoded
            let bytes = writes.flatMap { Array($0.readableBytesView) }
            #expect(bytes.suffix(100 * answer.count) == Array(repeating: answer, count: 100).flatMap(\.self)[...])
            _ = try channel.finish()
        }
    }

    @Test("garbage gets an error, and the connection is closed")
    func garbage() throws {
        let channel = try connect()
        try channel.writeInbound(ByteBuffer(bytes: [0xFF, 0xFF, 0xFF, 0xFF, 1, 2, 3]))
        guard case .error(.malformedFrame, _)? = try answers(channel).first else {
            Issue.record("no error")
            return
        }
        loop.advanceTime(by: .seconds(3))
        queue.sweep()
        #expect(!channel.isActive)
    }

    @Test("a silent connection is closed, a parked one is not")
    func idle() throws {
        let (silent, parked) = (try connect(), try connect())
        try send([hello, .consultWinners(waitMilliseconds: 1_000_000)], to: parked)
        loop.advanceTime(by: .seconds(101))
        queue.sweep()
        guard case .error(.deadline, _)? = try answers(silent).first else {
            Issue.record("no error")
            return
        }
        #expect(parked.isActive)
        _ = try? silent.finish()
        _ = try parked.finish()
    }

    @Test("a parked peer that ends its output is closed, because it may be disconnected")
    func parkedAndGone() throws {
        let channel = try connect()
        try send([hello, .consultWinners(waitMilliseconds: .max)], to: channel)
        channel.pipeline.fireUserInboundEventTriggered(ChannelEvent.inputClosed)
        channel.embeddedEventLoop.run()
        #expect(!channel.isActive)
        #expect(try publish() == 0)
    }

    @Test("a connection without HELLO has the shorter deadline")
    func noHello() throws {
        let (mute, greeted) = (try connect(), try connect())
        try send([hello], to: greeted)
        loop.advanceTime(by: .seconds(60))
        queue.sweep()
        guard case .error(.deadline, _)? = try answers(mute).first else {
            Issue.record("no error")
            return
        }
        #expect(greeted.isActive)
        _ = try? mute.finish()
        _ = try greeted.finish()
    }
}
