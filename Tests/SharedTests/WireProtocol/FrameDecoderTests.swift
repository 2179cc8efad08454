import Dialects
import TestKit
import Testing
import WireProtocol

struct FrameDecoderTests {
    /// Decodes bytes that arrive in pieces of the given sizes.
    private func decode(_ bytes: [UInt8], pieces: [Int], maxFrameBytes: Int = 100) -> (
        frames: [[UInt8]], isInsideFrame: Bool
    ) {
        var decoder = FrameDecoder(maxFrameBytes: maxFrameBytes)
        var frames: [[UInt8]] = []
        var start = 0
        for size in pieces {
            let piece = Array(bytes[start..<start + size])
            start += size
            var index = 0
            piece: while true {
                switch decoder.next(piece.span.bytes, from: &index) {
                case .needsBytes, .invalid: break piece
                case .needsMemory: decoder.admit()
                case .frame(let frame): frames.append(frame)
                }
            }
        }
        return (frames, decoder.isInsideFrame)
    }

    private func encode(_ frames: [[UInt8]]) -> [UInt8] {
        frames.flatMap { frame in
            var bytes: [UInt8] = []
            bytes.append(bigEndian: UInt32(frame.count))
            return bytes + frame
        }
    }

    @Test("cuts at any two positions give the same frames")
    func everySlicing() {
        let frames: [[UInt8]] = [[1], [2, 3, 4, 5, 6], [UInt8](repeating: 7, count: 20), [8, 9]]
        let bytes = encode(frames)
        for first in 0...bytes.count {
            for second in first...bytes.count {
                let (decoded, isInsideFrame) = decode(bytes, pieces: [first, second - first, bytes.count - second])
                #expect(decoded == frames)
                #expect(!isInsideFrame)
            }
        }
    }

    @Test("one byte at a time, and all at once, give the same frames")
    func extremes() {
        let frames: [[UInt8]] = (1...50).map { [UInt8](repeating: UInt8($0), count: $0) }
        let bytes = encode(frames)
        #expect(decode(bytes, pieces: [Int](repeating: 1, count: bytes.count)).frames == frames)
        #expect(decode(bytes, pieces: [bytes.count]).frames == frames)
    }

    @Test("a frame's bytes wait until it is admitted")
    func admission() {
        var decoder = FrameDecoder(maxFrameBytes: 10)
        let bytes: [UInt8] = [0, 0, 0, 2, 5, 6]
        var index = 0
        var admitted: [Int] = []
        let asked = (1...2).map { _ in decoder.next(bytes.span.bytes, from: &index) }
        #expect(asked == [.needsMemory(byteCount: 2), .needsMemory(byteCount: 2)] && index == 4)
        admitted.append(decoder.admittedBytes)
        decoder.admit()
        admitted.append(decoder.admittedBytes)
        let frame = decoder.next(bytes.span.bytes, from: &index)
        #expect(frame == .frame([5, 6]))
        admitted.append(decoder.admittedBytes)
        #expect(admitted == [0, 2, 0])
    }

    @Test("a length of 0 or above the limit is permanently invalid", arguments: [0, 11, 4_000_000_000] as [UInt32])
    func lengths(_ length: UInt32) {
        var decoder = FrameDecoder(maxFrameBytes: 10)
        var bytes: [UInt8] = []
        bytes.append(bigEndian: length)
        bytes += [0, 0, 0, 1, 9]
        var index = 0
        let events = (1...2).map { _ in decoder.next(bytes.span.bytes, from: &index) }
        #expect(events == .init(repeating: .invalid(.length(Int(length), min: 1, max: 10)), count: 2))
    }

    @Test("the largest frame is accepted")
    func largest() {
        #expect(decode(encode([[UInt8](repeating: 1, count: 10)]), pieces: [14], maxFrameBytes: 10).0.count == 1)
    }

    @Test("a partial message is recognized as partial")
    func halfMessages() {
        let bytes = encode([[1, 2, 3]])
        for cut in 1..<bytes.count {
            #expect(decode(bytes, pieces: [cut]).isInsideFrame)
        }
        #expect(!decode(bytes, pieces: [bytes.count]).isInsideFrame)
    }
}

/// Frames delimited by their end instead of a length, and headers of other kinds.
struct FramingTests {
    private func decode(_ framing: Framing, _ bytes: [UInt8], cut: Int, maxFrameBytes: Int = 20) -> [FrameDecoder.Event]
    {
        var decoder = FrameDecoder(framing, maxFrameBytes: maxFrameBytes)
        var events: [FrameDecoder.Event] = []
        for piece in [Array(bytes[..<cut]), Array(bytes[cut...])] {
            var index = 0
            piece: while true {
                let event = decoder.next(piece.span.bytes, from: &index)
                switch event {
                case .needsBytes: break piece
                case .needsMemory: decoder.admit()
                case .frame: events.append(event)
                case .invalid:
                    events.append(event)
                    break piece
                }
            }
        }
        return events
    }

    @Test("a message ends after its run of newlines, wherever it is cut")
    func newlines() {
        let bytes = Array("a\nb\n\n\n\nc\n\nd".utf8)
        let expected = ["a\nb\n\n", "\n\n", "c\n\n"].map { FrameDecoder.Event.frame(Array($0.utf8)) }
        for cut in 0...bytes.count { #expect(decode(.newlines(2), bytes, cut: cut) == expected) }
    }

    @Test("a message without an end is invalid at the limit, and not before")
    func unterminated() {
        let endless = [UInt8](repeating: 97, count: 30)
        for cut in 0...30 {
            // Once in the piece that reaches the limit, and again in one that follows.
            let events = Set(decode(.newlines(2), endless, cut: cut).map { "\($0)" })
            #expect(events == ["\(FrameDecoder.Event.invalid(.unterminated(maxBytes: 20)))"])
        }
        let largest = [UInt8](repeating: 97, count: 18) + [10, 10]
        #expect(decode(.newlines(2), largest, cut: 7) == [.frame(largest)])
    }

    @Test("memory for the longest line is requested before the line's bytes are taken")
    func announced() {
        var decoder = FrameDecoder(.newlines(1), maxFrameBytes: 20)
        var index = 0
        let event = decoder.next([97].span.bytes, from: &index)
        #expect(event == .needsMemory(byteCount: 20))
        #expect(index == 0)
    }

    @Test("memory is requested for a first part and, once that is full, for all the rest")
    func growing() {
        var decoder = FrameDecoder(.native, maxFrameBytes: 1000, firstBytes: 4)
        var bytes: [UInt8] = [0, 0, 0, 21]
        bytes += (0..<21).map { UInt8($0) }
        var index = 0
        var asked: [Int] = []
        var frame: [UInt8]?
        while frame == nil {
            switch decoder.next(bytes.span.bytes, from: &index) {
            case .needsMemory(let byteCount):
                #expect(index - 4 == asked.reduce(0, +), "memory is requested before its bytes are taken")
                asked.append(byteCount)
                decoder.admit()
                let admitted = decoder.admittedBytes
                #expect(admitted == asked.reduce(0, +))
            case .frame(let whole): frame = whole
            case .needsBytes, .invalid: frame = []
            }
        }
        #expect(frame == Array(bytes[4...]) && asked == [4, 17])
        // A header alone, or the bytes so far, request no more than the next step.
        var idle = FrameDecoder(.native, maxFrameBytes: 1000, firstBytes: 4)
        var position = 0
        var event = idle.next(([0, 0, 3, 0] as [UInt8]).span.bytes, from: &position)
        #expect(event == .needsMemory(byteCount: 4))
        idle.admit()
        position = 0
        event = idle.next(([1, 2, 3, 4] as [UInt8]).span.bytes, from: &position)
        let admitted = idle.admittedBytes
        #expect(event == .needsBytes && admitted == 4)
    }

    @Test("headers of decimal digits, and with a type before the length")
    func headers() {
        let digits = Array("00000003END00000000".utf8)
        let type: [UInt8] = [9, 0, 0, 0, 2, 5, 6, 4, 0, 0, 0, 0]
        for cut in 0...digits.count {
            #expect(decode(SemicolonDialect().framing, digits, cut: cut) == [.frame(Array("END".utf8)), .frame([])])
        }
        for cut in 0...type.count {
            #expect(
                decode(TLVDialect().framing, type, cut: cut) == [
                    .frame([9, 0, 0, 0, 2, 5, 6]), .frame([4, 0, 0, 0, 0]),
                ])
        }
        #expect(decode(SemicolonDialect().framing, Array("0000000x".utf8), cut: 3) == [.invalid(.header)])
        #expect(
            decode(SemicolonDialect().framing, Array("00000021".utf8), cut: 8).first
                == .invalid(.length(21, min: 0, max: 20)))
    }
}
