import Dialects
import FuzzKit
import WireProtocol

/// A plain second implementation of framing, over a whole stream.
private enum Model: Sendable {
    case counted(header: Int, least: Int, keepsHeader: Bool, length: @Sendable (ArraySlice<UInt8>) -> Int?)
    case newlines(Int)

    static let framings: [(Framing, Model)] = [
        (.native, .counted(header: 4, least: 1, keepsHeader: false, length: binary)),
        (SemicolonDialect().framing, .counted(header: 8, least: 0, keepsHeader: false, length: decimal)),
        (LinesDialect().framing, .newlines(2)),
        (TLVDialect().framing, .counted(header: 5, least: 0, keepsHeader: true) { binary($0.dropFirst()) }),
        (JSONDialect().framing, .counted(header: 4, least: 0, keepsHeader: false, length: binary)),
        (PipeDialect().framing, .counted(header: 4, least: 0, keepsHeader: false, length: binary)),
        (EchoDialect().framing, .newlines(1)),
        (.counted(headerBytes: 8), .counted(header: 8, least: 0, keepsHeader: false, length: binary)),
    ]

    @Sendable private static func binary(_ bytes: ArraySlice<UInt8>) -> Int? {
        Int(exactly: bytes.reduce(UInt64(0)) { $0 << 8 | UInt64($1) })
    }

    @Sendable private static func decimal(_ bytes: ArraySlice<UInt8>) -> Int? {
        bytes.contains { !(48...57).contains($0) } ? nil : bytes.reduce(0) { $0 * 10 + Int($1) - 48 }
    }

    /// Returns the next frame of a stream and the bytes it takes, or its fault; nil if it is incomplete.
    func next(_ stream: ArraySlice<UInt8>, max: Int) -> Result<(frame: ArraySlice<UInt8>, bytes: Int), FrameFault>? {
        switch self {
        case .counted(let header, let least, let keepsHeader, let length):
            guard stream.count >= header else { return nil }
            guard let body = length(stream.prefix(header)) else { return .failure(.header) }
            guard (least...Swift.max(least, max)).contains(body), body <= max else {
                return .failure(.length(body, min: least, max: max))
            }
            guard stream.count - header >= body else { return nil }
            let frame = stream.prefix(header + body)
            return .success((keepsHeader ? frame : frame.dropFirst(header), header + body))
        case .newlines(let count):
            var run = 0
            for (index, byte) in stream.prefix(max).enumerated() {
                run = byte == 10 ? run + 1 : 0
                if run == count { return .success((stream.prefix(index + 1), index + 1)) }
            }
            guard !stream.isEmpty, stream.count >= max else { return nil }
            return .failure(.unterminated(maxBytes: max))
        }
    }
}

/// A decoder that receives slices and is checked at every step.
private struct Feeding: ~Copyable {
    /// The largest header, which may be the beginning of a frame.
    static let maxHeaderBytes = 8

    var decoder: FrameDecoder
    var frames: [[UInt8]] = []
    var fault: FrameFault?
    private let maxima: [Int]
    private let firstBytes: Int

    init(_ framing: Framing, maxima: [Int], firstBytes: Int) {
        decoder = FrameDecoder(framing, maxFrameBytes: maxima[0], firstBytes: firstBytes)
        self.maxima = maxima
        self.firstBytes = firstBytes
    }

    /// The largest frame: as in the service, it changes once, after the first frame.
    private var max: Int { maxima[frames.isEmpty ? 0 : 1] }

    mutating func feed(_ bytes: RawSpan) {
        var index = 0
        while true {
            let before = index
            let admitted = decoder.admittedBytes
            let event = decoder.next(bytes, from: &index)
            require(before <= index && index <= bytes.byteCount, "the index went from \(before) to \(index)")
            require(
                decoder.collectedBytes <= Swift.max(decoder.admittedBytes, Self.maxHeaderBytes),
                "\(decoder.collectedBytes) bytes are collected, \(decoder.admittedBytes) admitted")
            switch event {
            case .needsBytes:
                require(index == bytes.byteCount, "bytes are requested at \(index) of \(bytes.byteCount)")
                return
            case .invalid(let found):
                require(fault == nil || fault == found, "the fault changed to \(found)")
                require(!decoder.isInsideFrame && decoder.admittedBytes == 0, "a failed decoder is inside a frame")
                fault = found
                return
            case .needsMemory(let byteCount):
                admit(byteCount)
                var same = index
                let again = decoder.next(bytes, from: &same)
                require(again == event && same == index, "memory is requested only once, then \(again)")
                decoder.admit()
                require(decoder.admittedBytes == admitted + byteCount, "\(decoder.admittedBytes) bytes are admitted")
            case .frame(let frame):
                require(fault == nil, "a frame follows a fault")
                require(frame.count <= Swift.max(admitted, Self.maxHeaderBytes), "\(frame.count) bytes of \(admitted)")
                frames.append(frame)
                decoder.maxFrameBytes = max
            }
        }
    }

    /// Checks a request for memory: one for all, or one for a small first part and one for the rest, never above the limit.
    private func admit(_ byteCount: Int) {
        let admitted = decoder.admittedBytes
        require(admitted + byteCount <= max + Self.maxHeaderBytes, "\(admitted) + \(byteCount) bytes for \(max)")
        require(byteCount > 0 || admitted == 0, "a request of no bytes after \(admitted)")
        guard admitted > 0 else { return require(byteCount <= firstBytes, "\(byteCount) bytes first") }
        require(admitted == firstBytes, "a third request for memory after \(admitted) bytes")
        require(
            decoder.collectedBytes >= admitted,
            "more memory is requested after only \(decoder.collectedBytes) of \(admitted) bytes")
    }
}

@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzFrames(_ data: UnsafePointer<UInt8>, _ count: Int) -> CInt {
    var input = FuzzInput(data, count)
    let (framing, model) = Model.framings[input.choice(Model.framings.count)]
    let maxima = [Int(input.integer(UInt8.self)), Int(input.integer(UInt16.self))]
    var slicer = Slicer(seed: input.integer())
    let firstBytes = [1, 7, 64, Int.max][input.choice(4)]
    let stream = input.rest()

    var sliced = Feeding(framing, maxima: maxima, firstBytes: firstBytes)
    var whole = Feeding(framing, maxima: maxima, firstBytes: firstBytes)
    var start = 0
    while start < stream.count {
        let end = min(stream.count, start + slicer.next())
        sliced.feed(stream.span.bytes.extracting(start..<end))
        start = end
    }
    whole.feed(stream.span.bytes)
    require(sliced.frames == whole.frames, "\(sliced.frames.count) frames in slices, \(whole.frames.count) unsliced")
    require(sliced.fault == whole.fault, "the fault in slices differs from the unsliced one")

    var rest = stream[...]
    var frames = 0
    while true {
        switch model.next(rest, max: maxima[frames == 0 ? 0 : 1]) {
        case .success(let (frame, bytes)):
            require(frames < whole.frames.count, "frame \(frames) is missing")
            require(whole.frames[frames].elementsEqual(frame), "frame \(frames) is \(shown(whole.frames[frames]))")
            frames += 1
            rest = rest.dropFirst(bytes)
            continue
        case .failure(let fault):
            require(whole.fault == fault, "\(fault) is not found")
        case nil:
            require(whole.fault == nil, "\(whole.fault.map { "\($0)" } ?? "") in a stream without a fault")
            require(whole.decoder.isInsideFrame == !rest.isEmpty, "\(rest.count) bytes of an incomplete frame remain")
        }
        require(frames == whole.frames.count, "\(whole.frames.count) frames instead of \(frames)")
        return 0
    }
}
