import Domain
import Ledger
import NIOCore
import TestKit
import Testing

@testable import Connections

/// Tests of every state of an output with every event, and of the order of answers of all kinds.
struct AnswerOutputTests {
    // MARK: State by event

    private enum State: CaseIterable {
        case empty, bytes, shared, longShared, stream, partStream, streamThenBytes
    }

    private enum Event: CaseIterable {
        case bytes, noBytes, shared, longShared, stream, next, takeCount, removeAll
    }

    /// A list of three pieces.
    private static let documents = (0..<4000).map { "\(30_000_000 + $0)" }

    private let file: WinnersFile
    private let short: WinnersStream
    private let long: WinnersStream

    init() throws {
        file = try Samples.winnersFile([["A1"], Self.documents])
        short = try #require(WinnersStream(file, file.entry(AgencyID(1)), dialect: nil))
        long = try #require(WinnersStream(file, file.entry(AgencyID(2)), dialect: nil))
    }

    private func buffer(_ byteCount: Int, of byte: UInt8 = 3) -> ByteBuffer {
        ByteBuffer(repeating: byte, count: byteCount)
    }

    private func make(_ state: State) throws -> AnswerOutput {
        var output = AnswerOutput()
        switch state {
        case .empty: break
        case .bytes: output.append([1, 1])
        case .shared: output.append(shared: buffer(100))
        case .longShared: output.append(shared: buffer(5000))
        case .stream, .streamThenBytes: output.append(long)
        case .partStream:
            output.append(long)
            _ = try output.takeNext()
        }
        if state == .streamThenBytes { output.append([1, 1]) }
        return output
    }

    /// Returns the pieces that are left, by size, and what else can be observed.
    private func view(_ output: AnswerOutput) throws -> String {
        let flags = (output.hasStream ? " stream" : "") + (output.isEmpty ? " empty" : "") + " count \(output.count)"
        return "\(try pieces(output).map(\.count))" + flags
    }

    private func pieces(_ output: AnswerOutput) throws -> [[UInt8]] {
        var (output, pieces): (AnswerOutput, [[UInt8]]) = (output, [])
        while let piece = try output.takeNext() { pieces.append(Array(piece.readableBytesView)) }
        return pieces
    }

    private func outcome(_ event: Event, in state: State) throws -> String {
        var output = try make(state)
        switch event {
        case .bytes: output.append([2, 2, 2])
        case .noBytes: output.append([])
        case .shared: output.append(shared: buffer(200))
        case .longShared: output.append(shared: buffer(4000))
        case .stream: output.append(short)
        case .next: _ = try output.takeNext()
        case .takeCount: output.takeCount()
        case .removeAll: output.removeAll()
        }
        return try view(output)
    }

    /// The sizes of the pieces left after each event, in the order of ``Event``, and the rest of the state.
    private static let expected: [State: [String]] = [
        .empty: [
            "[3] count 1", "[] empty count 1", "[200] count 1", "[4000] count 1", "[15] stream count 1",
            "[] empty count 0", "[] empty count 0", "[] empty count 0",
        ],
        .bytes: [
            "[5] count 2", "[2] count 2", "[202] count 2", "[4002] count 2", "[2, 15] stream count 2",
            "[] empty count 1", "[2] count 0", "[] empty count 1",
        ],
        .shared: [
            "[103] count 2", "[100] count 2", "[300] count 2", "[100, 4000] count 2", "[100, 15] stream count 2",
            "[] empty count 1", "[100] count 0", "[] empty count 1",
        ],
        .longShared: [
            "[5003] count 2", "[5000] count 2", "[5000, 200] count 2", "[5000, 4000] count 2",
            "[5000, 15] stream count 2", "[] empty count 1", "[5000] count 0", "[] empty count 1",
        ],
        .stream: [
            "[16392, 16392, 3252, 3] stream count 2", "[16392, 16392, 3252] stream count 2",
            "[16392, 16392, 3252, 200] stream count 2", "[16392, 16392, 3252, 4000] stream count 2",
            "[16392, 16392, 3252, 15] stream count 2", "[16392, 3252] stream count 1",
            "[16392, 16392, 3252] stream count 0", "[] empty count 1",
        ],
        .partStream: [
            "[16392, 3252, 3] stream count 2", "[16392, 3252] stream count 2", "[16392, 3252, 200] stream count 2",
            "[16392, 3252, 4000] stream count 2", "[16392, 3252, 15] stream count 2", "[3252] stream count 1",
            "[16392, 3252] stream count 0", "[] empty count 1",
        ],
        .streamThenBytes: [
            "[16392, 16392, 3252, 5] stream count 3", "[16392, 16392, 3252, 2] stream count 3",
            "[16392, 16392, 3252, 202] stream count 3", "[16392, 16392, 3252, 4002] stream count 3",
            "[16392, 16392, 3252, 2, 15] stream count 3", "[16392, 3252, 2] stream count 2",
            "[16392, 16392, 3252, 2] stream count 0", "[] empty count 2",
        ],
    ]

    @Test("every event in every state", arguments: State.allCases)
    private func table(_ state: State) throws {
        #expect(try Event.allCases.map { try outcome($0, in: state) } == Self.expected[state])
    }

    @Test("the last ending that was set counts, except that the final one is final")
    func endings() {
        let endings = [AnswerOutput.Ending.none, .whenQuiet, .afterLast]
        for first in endings {
            for second in endings {
                var output = AnswerOutput()
                output.end(first)
                output.end(second)
                #expect(output.ending == (first == .afterLast ? .afterLast : second), "\(first), then \(second)")
                output.removeAll()
                #expect(output.ending == (first == .afterLast ? .afterLast : second), "\(first), then \(second)")
            }
        }
    }

    // MARK: Laws

    /// The bytes of a whole stream.
    private func bytes(_ stream: WinnersStream) throws -> [UInt8] {
        var (stream, bytes): (WinnersStream, [UInt8]) = (stream, [])
        while !stream.isDone { try stream.appendNext(to: &bytes) }
        return bytes
    }

    @Test(
        "answers leave in order, whatever their kinds, and whenever they are taken",
        arguments: 1...40 as ClosedRange<UInt64>)
    func order(_ seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        var (output, appended, taken): (AnswerOutput, [UInt8], [UInt8]) = (AnswerOutput(), [], [])
        let streams = [(short, try bytes(short)), (long, try bytes(long))]
        for number in 0..<30 {
            switch Int.random(in: 0..<8, using: &random) {
            case 0...1:
                let answer = [UInt8](repeating: UInt8(number), count: .random(in: 0...20, using: &random))
                output.append(answer[...])
                appended += answer
            case 2...3:
                let answer = buffer(.random(in: 0...5000, using: &random), of: UInt8(number))
                output.append(shared: answer)
                appended += answer.readableBytesView
            case 4:
                let (stream, answer) = streams[.random(in: 0..<2, using: &random)]
                output.append(stream)
                appended += answer
            default:
                if let piece = try output.takeNext() { taken += piece.readableBytesView }
            }
            #expect(taken.count == appended.count || !output.isEmpty)
        }
        while let piece = try output.takeNext() { taken += piece.readableBytesView }
        #expect(taken == appended && output.isEmpty && !output.hasStream)
    }

    @Test("a long list costs one piece at a time, and later answers wait until the last one")
    func onePieceAtATime() throws {
        var output = try make(.streamThenBytes)
        var sizes: [Int] = []
        while output.hasStream { sizes.append(try #require(try output.takeNext()).readableBytes) }
        #expect(sizes.count == 3 && sizes.allSatisfy { $0 <= (16 << 10) + 12 }, "\(sizes)")
        #expect(try output.takeNext() == ByteBuffer(bytes: [1, 1]))
    }

    @Test("a shared answer is the same for each connection, whatever is appended after it", arguments: [10, 5000])
    func shared(_ byteCount: Int) throws {
        let answer = buffer(byteCount)
        var (first, second) = (AnswerOutput(), AnswerOutput())
        first.append(shared: answer)
        second.append(shared: answer)
        first.append([1])
        second.append([2, 2])
        #expect(answer == buffer(byteCount))
        #expect(try pieces(first).flatMap(\.self) == [UInt8](repeating: 3, count: byteCount) + [1])
        #expect(try pieces(second).flatMap(\.self) == [UInt8](repeating: 3, count: byteCount) + [2, 2])
    }

    @Test("shared answers of up to 4096 bytes together become one piece", arguments: [(2048, 2048), (2048, 2049)])
    func copied(_ first: Int, _ second: Int) throws {
        var output = AnswerOutput()
        output.append(shared: buffer(first))
        output.append(shared: buffer(second))
        #expect(try pieces(output).map(\.count) == (first + second <= 4096 ? [first + second] : [first, second]))
    }

    @Test("a list that has changed ends with a fault at its last piece, after the answers before it")
    func fault() throws {
        var entry = try file.entry(AgencyID(2))
        entry.checksum ^= 1
        var output = try make(.bytes)
        output.append(try #require(WinnersStream(file, entry, dialect: nil)))
        #expect(try output.takeNext() == ByteBuffer(bytes: [1, 1]))
        for piece in 0..<2 { #expect(try (output.takeNext()?.readableBytes ?? 0) > 16_000, "piece \(piece)") }
        #expect(throws: WinnersFault.changed) { try output.takeNext() }
    }

    // MARK: The final answer

    @Test(
        "after the final answer none is collected or written",
        arguments: [EmbeddedConnection.Stage.draining, .lingering, .closed])
    func final(_ stage: EmbeddedConnection.Stage) throws {
        let connection = try EmbeddedConnection(stage)
        let answers: [FramedAnswer] = [.bytes([5]), .shared(buffer(1, of: 5)), .winners(short)]
        for answer in answers {
            for ending in [AnswerOutput.Ending.none, .whenQuiet, .afterLast] {
                #expect(!connection.handler.collect(answer, ending, isFrameAnswered: false))
                connection.handler.flush()
            }
        }
        connection.takeAll()
        connection.handler.finish(with: [6])
        #expect(try connection.written() == (stage == .closed ? [] : [EmbeddedConnection.finalByte]))
    }

    @Test("answers collected together with the final one are written before it, later ones are not")
    func finalInOrder() throws {
        let connection = try EmbeddedConnection(.open)
        let handler = connection.handler
        #expect(handler.collect(.bytes([1]), isFrameAnswered: false))
        #expect(!handler.collect(.winners(short), isFrameAnswered: false))
        #expect(!handler.collect(.bytes([2]), .afterLast, isFrameAnswered: false))
        #expect(!handler.collect(.bytes([3]), isFrameAnswered: false))
        handler.flush()
        #expect(try connection.written() == [1] + bytes(short) + [2])
        #expect(connection.stage == .lingering)
    }

    @Test("an ending when quiet waits for unanswered frames and for a frame in progress")
    func whenQuiet() throws {
        for (received, isFinal) in [([], true), (encoded([1]), false), ([0, 0], false)] as [([UInt8], Bool)] {
            let connection = try EmbeddedConnection(.open)
            try connection.receive(received)
            #expect(connection.handler.collect(.bytes([1]), .whenQuiet, isFrameAnswered: false))
            connection.handler.flush()
            #expect(connection.stage == (isFinal ? .lingering : .open), "\(received)")
        }
    }
}
