/// Cuts a stream of bytes into frames.
///
/// Consumes bytes, does no I/O, and gives the same frames however the bytes were sliced.
///
/// A frame's length is announced before its bytes are taken, so that the owner can reserve memory for it first:
/// ``next(_:from:)`` repeats ``Event/frameBegins(byteCount:)`` until ``admitFrame()`` is called.
///
/// Sizes, re-checked at every step: `1 <= frame bytes <= maxFrameBytes`, `collected < frame bytes`.
package struct FrameDecoder: Sendable {
    package enum Event: Equatable, Sendable {
        /// Everything was consumed; the frame under way is not whole.
        case needsBytes
        /// A length arrived; `admitFrame()` lets its bytes in.
        ///
        /// Bytes of the frame without its length field.
        case frameBegins(byteCount: Int)
        /// A whole frame: type and body.
        case frame([UInt8])
        /// A length outside 1 … `maxFrameBytes`.
        ///
        /// Nothing after it can be understood: the decoder stays here.
        case invalid(length: UInt32)
    }

    private enum State {
        /// Up to 3 bytes of the length have arrived.
        ///
        /// To `announced` or `failed`.
        case length(bytesSeen: Int, value: UInt32)
        /// To `body` by `admitFrame()`.
        case announced(byteCount: Int)
        /// To `length` when the frame is whole.
        case body(byteCount: Int)
        /// Final.
        case failed(length: UInt32)
    }

    /// The largest frame, its length field not counted.
    ///
    /// A change holds from the next length on.
    package var maxFrameBytes: Int
    private var state = State.length(bytesSeen: 0, value: 0)
    private var collected: [UInt8] = []

    package init(maxFrameBytes: Int) {
        self.maxFrameBytes = maxFrameBytes
    }

    /// Bytes of a frame have arrived and its end has not: a hang-up now loses half a message.
    package var isInsideFrame: Bool {
        switch state {
        case .length(let bytesSeen, _): bytesSeen > 0
        case .announced, .body: true
        case .failed: false
        }
    }

    /// The length of the frame that has been admitted and is not yet whole; 0 where there is none.
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
        collected.reserveCapacity(byteCount)
        state = .body(byteCount: byteCount)
    }

    /// Consumes bytes from `index` on, up to the next event, and moves `index` behind what it consumed.
    package mutating func next(_ input: RawSpan, from index: inout Int) -> Event {
        if case .length(var bytesSeen, var value) = state {
            while bytesSeen < Limits.frameLengthBytes {
                guard index < input.byteCount else {
                    state = .length(bytesSeen: bytesSeen, value: value)
                    return .needsBytes
                }
                value = value << 8 | UInt32(input.unsafeLoad(fromByteOffset: index, as: UInt8.self))
                bytesSeen += 1
                index += 1
            }
            let isValid = value >= 1 && value <= maxFrameBytes
            state = isValid ? .announced(byteCount: Int(value)) : .failed(length: value)
        }
        switch state {
        case .length:
            return .needsBytes
        case .announced(let byteCount):
            return .frameBegins(byteCount: byteCount)
        case .failed(let length):
            return .invalid(length: length)
        case .body(let byteCount):
            let taken = min(byteCount - collected.count, input.byteCount - index)
            input.extracting(index..<index + taken).withUnsafeBytes {
                collected.append(contentsOf: $0)
            }
            index += taken
            guard collected.count == byteCount else { return .needsBytes }
            let frame = collected
            collected = []
            state = .length(bytesSeen: 0, value: 0)
            return .frame(frame)
        }
    }
}
