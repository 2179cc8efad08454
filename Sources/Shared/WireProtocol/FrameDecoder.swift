/// Cuts a stream of bytes into frames.
///
/// Consumes bytes, does no I/O, and gives the same frames however the bytes were sliced.
///
/// Memory is asked for before bytes are taken, so that the owner can reserve it first: ``next(_:from:)`` repeats
/// ``Event/needsMemory(byteCount:)`` until ``admit()`` is called. It asks for a whole frame at once, or for a small first
/// part and, once that is full, for all the rest: an announced length alone takes no memory from others.
///
/// Sizes, re-checked at every step: `collected <= admitted <= frame bytes`.
package struct FrameDecoder: ~Copyable, Sendable {
    package enum Event: Equatable, Sendable {
        /// Everything was consumed; the frame under way is not whole.
        case needsBytes
        /// `byteCount` more bytes of the frame can arrive; `admit()` lets them in.
        case needsMemory(byteCount: Int)
        /// A whole frame.
        case frame([UInt8])
        /// The decoder stays here.
        case invalid(FrameFault)
    }

    private enum State {
        /// Some bytes of the header have arrived, as a big-endian integer.
        ///
        /// To `waiting` or `failed`.
        case header(bytesSeen: Int, value: UInt64)
        /// To `body` by `admit()`.
        case waiting(byteCount: Int, admitted: Int)
        /// To `header` when the frame is whole, to `waiting` for more memory, to `failed` where it does not end.
        ///
        /// `byteCount` is what the frame has; where only its end will tell, the most it may have.
        case body(byteCount: Int, admitted: Int)
        /// Final.
        case failed(FrameFault)
    }

    /// The largest frame, its header not counted.
    ///
    /// A change holds from the next frame on.
    package var maxFrameBytes: Int
    private let framing: Framing
    /// Of the first part of a frame; `.max` asks for whole frames.
    ///
    /// A change holds from the next question for memory on.
    package var firstBytes: Int
    private var state = State.header(bytesSeen: 0, value: 0)
    private var collected: [UInt8] = []
    /// The newlines at the end of `collected`.
    private var newlines = 0

    /// - Parameter firstBytes: see ``firstBytes``.
    package init(_ framing: Framing = .native, maxFrameBytes: Int, firstBytes: Int = .max) {
        self.framing = framing
        self.firstBytes = firstBytes
        self.maxFrameBytes = maxFrameBytes
    }

    /// Bytes of a frame have arrived and its end has not: a hang-up now loses half a message.
    package var isInsideFrame: Bool {
        switch state {
        case .header(let bytesSeen, _): bytesSeen > 0
        case .waiting, .body: true
        case .failed: false
        }
    }

    /// The memory that was admitted for the frame under way.
    package var admittedBytes: Int {
        switch state {
        case .waiting(_, let admitted), .body(_, let admitted): admitted
        case .header, .failed: 0
        }
    }

    /// The bytes that have come of the frame under way.
    package var collectedBytes: Int { collected.count }

    /// Lets the bytes that memory was asked for in.
    ///
    /// - Precondition: the last event was `needsMemory`.
    package mutating func admit() {
        guard case .waiting(let byteCount, let admitted) = state else {
            preconditionFailure("admit() where no memory was asked for")
        }
        state = .body(byteCount: byteCount, admitted: admitted + nextBytes(byteCount, admitted))
        if case .counted = framing.kind { collected.reserveCapacity(admittedBytes) }
    }

    private func nextBytes(_ byteCount: Int, _ admitted: Int) -> Int {
        min(byteCount - admitted, admitted == 0 ? firstBytes : .max)
    }

    /// Consumes bytes from `index` on, up to the next event, and moves `index` behind what it consumed.
    package mutating func next(_ input: RawSpan, from index: inout Int) -> Event {
        if case .header(let bytesSeen, let value) = state {
            readHeader(input, from: &index, bytesSeen: bytesSeen, value: value)
        }
        switch state {
        case .header:
            return .needsBytes
        case .waiting(let byteCount, let admitted):
            return .needsMemory(byteCount: nextBytes(byteCount, admitted))
        case .failed(let fault):
            return .invalid(fault)
        case .body(let byteCount, let admitted):
            return readBody(input, from: &index, byteCount: byteCount, admitted: admitted)
        }
    }

    private mutating func readHeader(_ input: RawSpan, from index: inout Int, bytesSeen: Int, value: UInt64) {
        guard case .counted(let headerBytes, let minBodyBytes, let isHeaderKept, let bodyBytes) = framing.kind else {
            if index < input.byteCount { state = .waiting(byteCount: maxFrameBytes, admitted: 0) }
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
        state = .waiting(byteCount: isHeaderKept ? headerBytes + body : body, admitted: 0)
        if isHeaderKept {
            for byte in (0..<headerBytes).reversed() {
                collected.append(UInt8(truncatingIfNeeded: value >> (8 * byte)))
            }
        }
    }

    private mutating func readBody(
        _ input: RawSpan, from index: inout Int, byteCount: Int, admitted: Int
    ) -> Event {
        var taken = max(0, min(admitted - collected.count, input.byteCount - index))
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
        if collected.count == byteCount {
            state = .failed(.unterminated(maxBytes: byteCount))
            collected = []
            return .invalid(.unterminated(maxBytes: byteCount))
        }
        guard index < input.byteCount else { return .needsBytes }
        state = .waiting(byteCount: byteCount, admitted: admitted)
        return .needsMemory(byteCount: nextBytes(byteCount, admitted))
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
