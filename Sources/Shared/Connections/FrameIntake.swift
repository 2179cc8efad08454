package import NIOCore
package import WireProtocol

/// What one connection has received: the frame in progress, the bytes that may not be framed yet, and the frames that are
/// not answered yet.
///
/// Pure: bytes in, events out; memory is asked for and granted from outside.
///
/// It frames only while fewer than `window` frames are unanswered, and a whole frame is passed on only with its memory
/// reserved. What is not reserved is small and one a connection: the first part of a frame in progress, or a HELLO.
package struct FrameIntake: ~Copyable {
    package enum Event: Sendable {
        /// Everything was consumed, or the window is full.
        case pauses
        /// The frame needs memory of its own: ``admit(_:)`` continues.
        ///
        /// `isWhole`: it has arrived, and does not depend on its peer any more.
        case needsMemory(byteCount: Int, isWhole: Bool)
        case frame(Frame)
        /// The bytes that follow cannot be framed: the intake is closed.
        case invalid(FrameFault)
    }

    /// Unanswered frames at most.
    package var window: Int
    /// Frames that were handed over and are not answered.
    package private(set) var heldFrames = 0
    /// Of them, questions that wait for the draw.
    package private(set) var parkedFrames = 0
    /// Received and not framed yet.
    private var unread: ByteBuffer?
    private var decoder: FrameDecoder
    private var reservation: Reservation?
    /// A whole frame that waits for its memory.
    private var waitingFrame: [UInt8]?
    /// A whole frame that may have been cut short: what follows tells.
    private var doubtfulFrame: Frame?
    private let mayBeCutShort: @Sendable ([UInt8]) -> Bool
    private var isClosed = false
    /// Of a frame's first part, which needs no reservation; `.max` reserves whole frames from their start.
    package var firstBytes: Int {
        didSet { decoder.firstBytes = firstBytes }
    }
    /// Whether whole frames need no memory of their own: they are small, and one at a time.
    package var isFree: Bool

    /// - Parameters:
    ///   - firstBytes: see ``firstBytes``.
    ///   - isFree: whole frames need no memory of their own.
    ///   - mayBeCutShort: whether a frame is passed on only once nothing, or the start of another one, follows it.
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
    /// Whether a frame has been partially received.
    package var isInsideFrame: Bool {
        decoder.isInsideFrame || waitingFrame != nil || doubtfulFrame != nil
    }
    /// Whether ``settleDoubt()`` has to be called if nothing follows.
    package var hasDoubt: Bool { doubtfulFrame != nil }
    /// The bytes that have arrived of the frame in progress.
    package var collectedBytes: Int { decoder.collectedBytes }
    /// Whether the frame in progress has memory that others may wait for.
    package var holdsMemory: Bool { reservation != nil }

    /// Cuts bytes into frames, up to the next event, and moves `index` past what it consumed.
    package mutating func next(_ input: RawSpan, from index: inout Int) -> Event {
        guard hasRoom else { return .pauses }
        if let waitingFrame { return .needsMemory(byteCount: waitingFrame.count, isWhole: true) }
        if let doubtful = doubtfulFrame {
            guard index < input.byteCount else { return .pauses }
            doubtfulFrame = nil
            heldFrames += 1
            // The length of a message is never so large that its first byte is not 0, and text never begins with one.
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

    /// Continues with the memory that was asked for.
    ///
    /// - Returns: the frame, if it was whole.
    package mutating func admit(_ reservation: Reservation?) -> Frame? {
        self.reservation = reservation
        guard let whole = waitingFrame else {
            decoder.admit()
            return nil
        }
        waitingFrame = nil
        return passOn(whole)
    }

    /// Nothing has followed the doubtful frame: it is whole.
    package mutating func settleDoubt() -> Frame? {
        defer { doubtfulFrame = nil }
        if doubtfulFrame != nil { heldFrames += 1 }
        return doubtfulFrame
    }

    /// - Returns: nil for a frame that is in doubt.
    private mutating func passOn(_ bytes: [UInt8]) -> Frame? {
        // Where only its end tells a frame's size, more than it has was reserved.
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

    /// Keeps bytes that cannot be framed yet, in memory of their own.
    package mutating func keep(_ rest: ByteBufferView) {
        guard !isClosed else { return }
        if unread == nil { unread = ByteBuffer(bytes: rest) } else { unread?.writeBytes(rest) }
    }

    /// Takes what was kept, to be framed now.
    package mutating func takeUnread() -> ByteBuffer? {
        defer { unread = nil }
        return unread
    }

    /// A frame is answered, or will not be.
    package mutating func answered(wasParked: Bool) {
        heldFrames -= 1
        if wasParked { parkedFrames -= 1 }
    }

    /// A frame's answer waits for the draw.
    package mutating func parked() {
        parkedFrames += 1
    }

    /// Whether nothing will be answered before the draw: then the peer's end is an end.
    package var waitsOnlyForDraw: Bool { heldFrames > 0 && heldFrames == parkedFrames }

    /// Frames nothing more and gives all memory back.
    package mutating func close() {
        isClosed = true
        unread = nil
        reservation = nil
        waitingFrame = nil
        doubtfulFrame = nil
        decoder = FrameDecoder(.native, maxFrameBytes: 1)
    }
}
