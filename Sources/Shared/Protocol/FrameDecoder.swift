/// Cuts a stream of bytes into frames.
///
/// Consumes bytes, does no I/O, and gives the same frames however the bytes were sliced.
///
/// A frame's size is announced before its bytes are taken, so that the owner can reserve memory for it first:
/// ``next(_:from:)`` repeats ``Event/frameBegins(byteCount:)`` until ``admitFrame()`` is called.
///
/// Sizes, re-checked at every step: `collected <= announced bytes`.
package struct FrameDecoder: Sendable {
    package enum Event: Equatable, Sendable {
        /// Everything was consumed; the frame under way is not whole.
        case needsBytes
        /// A frame begins; `admitFrame()` lets its bytes in.
        ///
        /// The bytes it will have; where only its end will tell, the most it may have.
        case frameBegins(byteCount: Int)
        /// A whole frame.
        case frame([UInt8])
        /// The decoder stays here.
        case invalid(FrameFault)
    }

    private enum State {
        /// Some bytes of the header have arrived, as a big-endian integer.
        ///
        /// To `announced` or `failed`.
        case header(bytesSeen: Int, value: UInt64)
        /// To `body` by `admitFrame()`.
        case announced(byteCount: Int)
        /// To `header` when the frame is whole, to `failed` where it does not end.
        case body(byteCount: Int)
        /// Final.
        case failed(FrameFault)
    }

    /// The largest frame, its header not counted.
    ///
    /// A change holds from the next frame on.
    package var maxFrameBytes: Int
    private let framing: Framing
    private var state = State.header(bytesSeen: 0, value: 0)
    private var collected: [UInt8] = []
    /// The newlines at the end of `collected`.
    private var newlines = 0

    package init(_ framing: Framing = .native, maxFrameBytes: Int) {
        self.framing = framing
        self.maxFrameBytes = maxFrameBytes
    }

    /// Bytes of a frame have arrived and its end has not: a hang-up now loses half a message.
    package var isInsideFrame: Bool {
        switch state {
        case .header(let bytesSeen, _): bytesSeen > 0
        case .announced, .body: true
        case .failed: false
        }
    }

    /// What was announced for the frame that has been admitted and is not yet whole; 0 where there is none.
    package var admittedBytes: Int {
        if case .body(let byteCount) = state { byteCount } else { 0 }
    }

    /// The bytes that have come of the frame under way.
    package var collectedBytes: Int { collected.count }

    /// Lets the bytes of the announced frame in.
    ///
    /// - Precondition: the last event was `frameBegins`.
    package mutating func admitFrame() {
        guard case .announced(let byteCount) = state else {
            preconditionFailure("admitFrame() without an announced frame")
        }
        if case .counted = framing.kind { collected.reserveCapacity(byteCount) }
        state = .body(byteCount: byteCount)
    }

    /// Consumes bytes from `index` on, up to the next event, and moves `index` behind what it consumed.
    package mutating func next(_ input: RawSpan, from index: inout Int) -> Event {
        if case .header(let bytesSeen, let value) = state {
            readHeader(input, from: &index, bytesSeen: bytesSeen, value: value)
        }
        switch state {
        case .header:
            return .needsBytes
        case .announced(let byteCount):
            return .frameBegins(byteCount: byteCount)
        case .failed(let fault):
            return .invalid(fault)
        case .body(let byteCount):
            return readBody(input, from: &index, byteCount: byteCount)
        }
    }

    private mutating func readHeader(_ input: RawSpan, from index: inout Int, bytesSeen: Int, value: UInt64) {
        guard case .counted(let headerBytes, let minBodyBytes, let isHeaderKept, let bodyBytes) = framing.kind else {
            if index < input.byteCount { state = .announced(byteCount: maxFrameBytes) }
            return
        }
        var (bytesSeen, value) = (bytesSeen, value)
        while bytesSeen < headerBytes {
            guard index < input.byteCount else {
                state = .header(bytesSeen: bytesSeen, value: value)
                return
            }
            value = value << 8 | UInt64(input.unsafeLoad(fromByteOffset: index, as: UInt8.self))
            bytesSeen += 1
            index += 1
        }
        guard let body = bodyBytes(value) else {
            state = .failed(.header)
            return
        }
        guard body >= minBodyBytes, body <= maxFrameBytes else {
            state = .failed(.length(body, min: minBodyBytes, max: maxFrameBytes))
            return
        }
        state = .announced(byteCount: isHeaderKept ? headerBytes + body : body)
        if isHeaderKept {
            for byte in (0..<headerBytes).reversed() {
                collected.append(UInt8(truncatingIfNeeded: value >> (8 * byte)))
            }
        }
    }

    private mutating func readBody(_ input: RawSpan, from index: inout Int, byteCount: Int) -> Event {
        var taken = min(byteCount - collected.count, input.byteCount - index)
        var isWhole = collected.count + taken == byteCount
        if case .newlines(let expected) = framing.kind {
            (taken, isWhole) = scan(input.extracting(index..<index + taken), expected: expected)
        }
        input.extracting(index..<index + taken).withUnsafeBytes { collected.append(contentsOf: $0) }
        index += taken
        if isWhole {
            let frame = collected
            collected = []
            newlines = 0
            state = .header(bytesSeen: 0, value: 0)
            return .frame(frame)
        }
        guard collected.count == byteCount else { return .needsBytes }
        state = .failed(.unterminated(maxBytes: byteCount))
        collected = []
        return .invalid(.unterminated(maxBytes: byteCount))
    }

    /// Looks for the newlines that end a frame.
    ///
    /// - Returns: the bytes up to there, and whether they end it.
    private mutating func scan(_ input: RawSpan, expected: Int) -> (taken: Int, isWhole: Bool) {
        for offset in 0..<input.byteCount {
            let byte = input.unsafeLoad(fromByteOffset: offset, as: UInt8.self)
            newlines = byte == UInt8(ascii: "\n") ? newlines + 1 : 0
            if newlines == expected { return (offset + 1, true) }
        }
        return (input.byteCount, false)
    }
}
