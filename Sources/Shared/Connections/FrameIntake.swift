package import NIOCore
package import WireProtocol

/// The received side of one connection: frame in progress, unframed bytes, and unanswered frames.
///
/// Pure; memory is requested and granted from outside.
///
/// It frames only while fewer than `window` frames are unanswered, and passes on a whole frame only once its memory is
/// reserved. Unreserved memory is small, and at most one piece a connection: the first part of a frame in progress, or
/// a HELLO.
package struct FrameIntake: ~Copyable {
    package enum Event: Sendable {
        /// Everything was consumed, or the window is full.
        case pauses
        /// The frame needs memory: ``admit(_:)`` continues. `isWhole`: all its bytes have arrived.
        case needsMemory(byteCount: Int, isWhole: Bool)
        case frame(Frame)
        /// The next bytes cannot be framed; the intake is closed.
        case invalid(FrameFault)
    }

    /// The maximum number of unanswered frames.
    package var window: Int
    /// Frames that were passed on and are not answered.
    package private(set) var heldFrames = 0
    /// Held frames that are questions waiting for the draw.
    package private(set) var parkedFrames = 0
    private var unread: ByteBuffer?
    private var decoder: FrameDecoder
    private var reservation: Reservation?
    private var waitingFrame: [UInt8]?
    /// A whole frame that may have been cut short; the next byte decides.
    private var doubtfulFrame: Frame?
    private let mayBeCutShort: @Sendable ([UInt8]) -> Bool
    private var isClosed = false
    /// The size of a frame's first part, which needs no reservation; `.max` reserves whole frames from their start.
    package var firstBytes: Int {
        didSet { decoder.firstBytes = firstBytes }
    }
    /// Whether frames need no reservation, because they are small and one at a time.
    package var isFree: Bool

    /// - Parameters:
    ///   - firstBytes: the initial ``firstBytes``.
    ///   - isFree: the initial ``isFree``.
    ///   - mayBeCutShort: whether a frame is passed on only after a look at the bytes that follow it, if any.
    package init(
        _ framing: Framing, window: Int, maxFrameBytes: Int, firstBytes: Int = .max, isFree: Bool = false,
        mayBeCutShort: @escaping @Sendable ([UInt8]) -> Bool = { _ in false }
    ) {
        self.mayBeCutShort = mayBeCutShort
        self.window = window
        self.firstBytes = firstBytes
        self.isFree = isFree
        decoder = FrameDecoder(framing, maxFrameBytes: maxFrameBytes, firstBytes: firstBytes)
    }

    /// The largest frame from now on.
    package var maxFrameBytes: Int {
        get { decoder.maxFrameBytes }
        set { decoder.maxFrameBytes = newValue }
    }

    package var hasRoom: Bool { !isClosed && heldFrames < window }
    package var hasUnread: Bool { unread != nil }
    /// Whether a frame is partially received.
    package var isInsideFrame: Bool {
        decoder.isInsideFrame || waitingFrame != nil || doubtfulFrame != nil
    }
    /// Whether ``settleDoubt()`` must be called if no bytes follow.
    package var hasDoubt: Bool { doubtfulFrame != nil }
    /// The bytes received of the frame in progress.
    package var collectedBytes: Int { decoder.collectedBytes }
    /// Whether the frame in progress has memory that others may wait for.
    package var holdsMemory: Bool { reservation != nil }

    /// Frames up to the next event, and moves `index` past what it consumed.
    package mutating func next(_ input: RawSpan, from index: inout Int) -> Event {
        guard hasRoom else { return .pauses }
        if let waitingFrame { return .needsMemory(byteCount: waitingFrame.count, isWhole: true) }
        if let doubtful = doubtfulFrame {
            guard index < input.byteCount else { return .pauses }
            doubtfulFrame = nil
            heldFrames += 1
            // The first byte of a message's length is always 0; text never begins with 0.
            let isCutShort = input.unsafeLoad(fromByteOffset: index, as: UInt8.self) != 0
            return .frame(Frame(doubtful.bytes, reservation: doubtful.reservation, isCutShort: isCutShort))
        }
        switch decoder.next(input, from: &index) {
        case .needsBytes:
            return .pauses
        case .needsMemory(let byteCount):
            if isFree || decoder.admittedBytes == 0 && firstBytes != .max {
                decoder.admit()
                return next(input, from: &index)
            }
            return .needsMemory(byteCount: decoder.admittedBytes + byteCount, isWhole: false)
        case .frame(let bytes):
            if reservation == nil, !isFree, !bytes.isEmpty {
                waitingFrame = bytes
                return .needsMemory(byteCount: bytes.count, isWhole: true)
            }
            guard let frame = passOn(bytes) else { return next(input, from: &index) }
            return .frame(frame)
        case .invalid(let fault):
            close()
            return .invalid(fault)
        }
    }

    /// Continues with the memory, and returns the frame if it was whole.
    package mutating func admit(_ reservation: Reservation?) -> Frame? {
        self.reservation = reservation
        guard let whole = waitingFrame else {
            decoder.admit()
            return nil
        }
        waitingFrame = nil
        return passOn(whole)
    }

    /// Passes on the doubtful frame, because no bytes followed.
    package mutating func settleDoubt() -> Frame? {
        defer { doubtfulFrame = nil }
        if doubtfulFrame != nil { heldFrames += 1 }
        return doubtfulFrame
    }

    /// - Returns: the frame; nil if it may have been cut short.
    private mutating func passOn(_ bytes: [UInt8]) -> Frame? {
        // If a frame's size is known only at its end, its maximum was reserved.
        reservation?.shrink(to: bytes.count)
        let frame = Frame(bytes, reservation: reservation)
        reservation = nil
        if mayBeCutShort(bytes) {
            doubtfulFrame = frame
            return nil
        }
        heldFrames += 1
        return frame
    }

    /// Copies bytes that cannot be framed yet.
    package mutating func keep(_ rest: ByteBufferView) {
        guard !isClosed else { return }
        if unread == nil { unread = ByteBuffer(bytes: rest) } else { unread?.writeBytes(rest) }
    }

    /// Takes the kept bytes, to frame them.
    package mutating func takeUnread() -> ByteBuffer? {
        defer { unread = nil }
        return unread
    }

    /// Records that a frame needs no answer any more.
    package mutating func answered(wasParked: Bool) {
        heldFrames -= 1
        if wasParked { parkedFrames -= 1 }
    }

    /// Records that a frame's answer waits for the draw.
    package mutating func parked() {
        parkedFrames += 1
    }

    /// Whether all unanswered frames wait for the draw; the peer's end of input then ends the connection.
    package var waitsOnlyForDraw: Bool { heldFrames > 0 && heldFrames == parkedFrames }

    /// Stops framing and releases all memory.
    package mutating func close() {
        isClosed = true
        unread = nil
        reservation = nil
        waitingFrame = nil
        doubtfulFrame = nil
        decoder = FrameDecoder(.native, maxFrameBytes: 1)
    }
}
