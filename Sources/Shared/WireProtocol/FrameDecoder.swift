/// A decoder that cuts a stream of bytes into frames, the same however the bytes were sliced.
///
/// It requests memory before it takes bytes, so that the owner can reserve it first: ``next(_:from:)`` repeats
/// ``Event/needsMemory(byteCount:)`` until ``admit()`` is called. The request is for a whole frame, or for a small first
/// part and, once that is full, for all the rest. With a first part, an announced length alone takes no memory from
/// others.
///
/// Sizes, re-checked at every step: `collected <= admitted <= frame bytes`.
package struct FrameDecoder: ~Copyable, Sendable {
    package enum Event: Equatable, Sendable {
        /// All input was consumed; the current frame is incomplete.
        case needsBytes
        /// `byteCount` more bytes of the frame need memory; `admit()` admits them.
        case needsMemory(byteCount: Int)
        case frame([UInt8])
        /// The bytes are not a frame; the decoder stays in this state.
        case invalid(FrameFault)
    }

    private enum State {
        /// The first `bytesSeen` bytes of the header have arrived: a big-endian integer.
        ///
        /// Transitions to `waiting` or `failed`.
        case header(bytesSeen: Int, value: UInt64)
        /// The frame needs memory.
        ///
        /// Transitions to `body` on `admit()`.
        case waiting(byteCount: Int, admitted: Int)
        /// Bytes of the frame are collected.
        ///
        /// Transitions to `header` when the frame is complete, to `waiting` when it needs more memory, to `failed` when it
        /// does not end. `byteCount` is the frame's size; if only the frame's end reveals that, it is the largest size
        /// allowed.
        case body(byteCount: Int, admitted: Int)
        /// Final.
        case failed(FrameFault)
    }

    /// The size limit from the next frame on, excluding the header.
    package var maxFrameBytes: Int
    private let framing: Framing
    /// The size of a frame's first part, from the next request for memory on; `.max` requests whole frames.
    package var firstBytes: Int
    private var state = State.header(bytesSeen: 0, value: 0)
    private var collected: [UInt8] = []
    /// The number of newlines at the end of `collected`.
    private var newlines = 0

    /// Makes a decoder before its first frame.
    package init(_ framing: Framing = .native, maxFrameBytes: Int, firstBytes: Int = .max) {
        self.framing = framing
        self.firstBytes = firstBytes
        self.maxFrameBytes = maxFrameBytes
    }

    /// Whether a frame has been partially received, so that a hang-up now loses half a message.
    package var isInsideFrame: Bool {
        switch state {
        case .header(let bytesSeen, _): bytesSeen > 0
        case .waiting, .body: true
        case .failed: false
        }
    }

    /// The memory admitted for the current frame.
    package var admittedBytes: Int {
        switch state {
        case .waiting(_, let admitted), .body(_, let admitted): admitted
        case .header, .failed: 0
        }
    }

    /// The bytes collected of the current frame.
    package var collectedBytes: Int { collected.count }

    /// Admits the requested memory.
    ///
    /// - Precondition: the last event was `needsMemory`.
    package mutating func admit() {
        guard case .waiting(let byteCount, let admitted) = state else {
            preconditionFailure("admit() without a request for memory")
        }
        state = .body(byteCount: byteCount, admitted: admitted + nextBytes(byteCount, admitted))
        if case .counted = framing.kind { collected.reserveCapacity(admittedBytes) }
    }

    private func nextBytes(_ byteCount: Int, _ admitted: Int) -> Int {
        min(byteCount - admitted, admitted == 0 ? firstBytes : .max)
    }

    /// Consumes bytes from `index`, which it advances, up to the next event.
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

    /// Returns the number of bytes to take, and whether they end the frame.
    private mutating func scan(_ input: RawSpan, expected: Int) -> (taken: Int, isWhole: Bool) {
        for offset in 0..<input.byteCount {
            let byte = input.unsafeLoad(fromByteOffset: offset, as: UInt8.self)
            newlines = byte == UInt8(ascii: "\n") ? newlines + 1 : 0
            if newlines == expected { return (offset + 1, true) }
        }
        return (input.byteCount, false)
    }
}
