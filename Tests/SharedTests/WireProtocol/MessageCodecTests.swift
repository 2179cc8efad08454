import Domain
import TestKit
import Testing
import WireProtocol

/// Comparison of every message with the dumps in docs/protocol.md, which another program made.
struct MessageCodecTests {
    static let documented: [(String, Message)] = [
        ("hello", .hello(Hello(agency: AgencyID(1), draw: "default"))),
        ("send-chunk", .chunk(Samples.chunk(sequence: 1, bets: Samples.documentedBets))),
        ("send-last-chunk-empty", .chunk(Samples.chunk(sequence: 2, bets: [], isLast: true))),
        ("consult-agency-winners", .consultWinners(waitMilliseconds: 30_000)),
        (
            "welcome",
            .welcome(
                Welcome(
                    nextSequence: 3, storedBets: 200, rejectedBets: 5, maxFrameBytes: 1_048_576, window: 32,
                    isFinished: false, draw: "default",
                    stream: StreamRecord(
                        lastChunk: .rejected, lastCount: 5, lastChecksum: 0x1234_5678, checksum: 0x9ABC_DEF0),
                    time: DrawTime(
                        now: Instant(milliseconds: 1_763_676_675_123),
                        cutOff: Instant(milliseconds: 1_763_676_735_123))))
        ),
        (
            "welcome-version-1",
            .welcome(
                Welcome(
                    nextSequence: 3, storedBets: 200, rejectedBets: 5, maxFrameBytes: 1_048_576, window: 32,
                    isFinished: false, draw: "default"))
        ),
        ("chunk-processed", .chunkProcessed(ChunkProcessed(sequence: 1, count: 2, firstBetIndex: 0))),
        (
            "chunk-rejected",
            .chunkRejected(
                ChunkRejected(
                    sequence: 7, code: .invalidBet, betIndex: 1,
                    message: "bet 1: the document contains a character other than an ASCII letter or digit"))
        ),
        (
            "inform-agency-winners",
            .winners(Winners(winningNumber: 7574, hasMore: false, documents: ["30000002", "30000003"]))
        ),
        ("inform-agency-winners-none", .winners(Winners(winningNumber: 7574, hasMore: false, documents: []))),
        (
            "not-drawn-yet",
            .notDrawnYet(NotDrawnYet(finishedAgencies: 3, expectedAgencies: 5, retryAfterMilliseconds: 1000))
        ),
        ("error", .error(.superseded, "another connection of agency 1 has taken over")),
    ]

    @Test("a message is encoded to its dump in docs/protocol.md and decoded from it", arguments: documented)
    func golden(_ name: String, _ message: Message) throws {
        let dump = try Repository.dump(name, in: "docs/protocol.md")
        #expect(message.encoded == dump)
        #expect(try Message(frame: Array(dump.dropFirst(4))) == message)
    }

    @Test("a message cut short at any byte, or followed by one, is rejected", arguments: documented)
    func cut(_ name: String, _ message: Message) throws {
        let frame = Array(message.encoded.dropFirst(4))
        if case .chunk = message {
            for length in 0..<Chunk.betsIndex {
                #expect(throws: MessageFault.self) { try Message(frame: Array(frame[..<length])) }
            }
            return  // BetColumns checks the rest
        }
        // A WELCOME without the time is one of version 2, and without the stream's record one of version 1.
        let shorter = name == "welcome" ? [frame.count - 16, frame.count - 28] : []
        for length in 0..<frame.count where !shorter.contains(length) {
            #expect(throws: MessageFault.self) { try Message(frame: Array(frame[..<length])) }
        }
        #expect(throws: MessageFault.self) { try Message(frame: frame + [0]) }
    }

    @Test("an unknown message type is rejected")
    func unknownTypes() {
        for type in UInt8.min...UInt8.max where MessageType(rawValue: type) == nil {
            #expect(throws: MessageFault.unknownType(type)) { try Message(frame: [type, 0, 0]) }
        }
    }

    @Test("an impossible count of documents is rejected before memory is reserved")
    func hugeCount() {
        let frame: [UInt8] = [0x84, 0x1D, 0x96, 0, 0xFF, 0xFF, 0xFF, 0xFF]
        #expect(throws: MessageFault.self) { try Message(frame: frame) }
    }

    @Test("text that is not UTF-8 is rejected")
    func text() {
        #expect(throws: MessageFault.textNotUTF8(atByte: 7)) {
            try Message(frame: [1, 1, 0, 0, 0, 1, 1, 0xFF, 0])
        }
    }

    @Test("text that is too long is truncated at a character boundary")
    func longText() throws {
        let message = Message.error(.busy, String(repeating: "ñ", count: 2000))
        guard case .error(_, let text) = try Message(frame: Array(message.encoded.dropFirst(4))) else {
            Issue.record("not an error")
            return
        }
        #expect(text == String(repeating: "ñ", count: 512))
    }

    @Test("codes keep their numbers and names")
    func codes() {
        let errors: [ErrorCode] = [
            .malformedFrame, .malformedMessage, .unexpectedMessage, .unsupportedVersion, .unknownAgency, .unknownDraw,
            .tokenNotAccepted, .sequenceGap, .superseded, .deadline, .busy, .shuttingDown,
        ]
        #expect(errors.map(\.rawValue) == Array(1...12))
        #expect("\(errors[8])" == "superseded")
        let rejections: [RejectionCode] = [
            .invalidBet, .malformedChunk, .conflict, .agencyFinished, .drawClosed,
        ]
        #expect(rejections.map(\.rawValue) == Array(1...5))
        #expect("\(rejections[4])" == "drawClosed")
    }

    @Test("a code of a newer service is read as unknown and permanent")
    func newerCodes() throws {
        let error = Message.error(ErrorCode(rawValue: 900), "new")
        let rejection = Message.chunkRejected(
            ChunkRejected(sequence: 1, code: RejectionCode(rawValue: 99), betIndex: 0, message: "new"))
        for message in [error, rejection] {
            #expect(try Message(frame: Array(message.encoded.dropFirst(4))) == message)
        }
        #expect(!ErrorCode(rawValue: 900).isKnown)
        #expect(!ErrorCode(rawValue: 900).isTransient)
        #expect("\(ErrorCode(rawValue: 900))" == "code 900")
        #expect("\(RejectionCode(rawValue: 99))" == "code 99")
    }
}
