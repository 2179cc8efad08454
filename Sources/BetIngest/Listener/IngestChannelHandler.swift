import NIOCore
import Shared

/// The socket side of one connection: bytes to frames, answers to bytes, and when to read.
///
/// Isolation: its event loop only. It reads and frames; what a frame says is the workers' business.
///
/// It reads only while `heldFrames < window`, nothing received is left unframed, its frame has its memory, and the peer
/// takes its answers. So a connection costs what it holds, and that is reserved from the budget.
final class IngestChannelHandler: ChannelDuplexHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private enum State {
        /// To `closing` by a last answer or a length that is none, to `closed`.
        case open
        /// The last answer is on its way: what still comes in is thrown away.
        ///
        /// To `closed` by the peer's end, or soon.
        case closing(deadline: NIODeadline)
        /// Final.
        case closed
    }

    /// Its place among the handlers of its loop, which moves it.
    var loopIndex = 0
    private let loop: IngestLoop
    private let port: IngestPort
    private let peer: String
    /// Its place below the listener's ceiling.
    ///
    /// Kept as long as anything refers to the connection's answers: closed already, it may stand in the queue until a
    /// worker has seen it, and in the committer's line until the disk has synced. So the ceiling on slots is theirs too.
    private let slot: ConnectionSlot?
    private var connection: IngestConnection?
    private var channel: AgencyChannel?
    private var context: ChannelHandlerContext?
    private var state = State.open
    private var decoder: FrameDecoder
    /// Received and not yet framed.
    private var unread: ByteBuffer?
    /// Frames handed over and not yet answered.
    private var heldFrames = 0
    /// The place in the budget's line, while the announced frame waits for its memory.
    private var ticket: FrameBudget.Ticket?
    private var isReadWanted = false
    /// The peer takes its answers.
    private var isWritable = true
    private var isInputClosed = false
    private var hasFramed = false
    /// It has to introduce itself first: no frame but a small one is taken from it.
    private var isStranger: Bool
    private var hasHandedOverEnd = false
    /// When the hello, the frame under way, or the last thing that happened began.
    private var since: NIODeadline
    /// Answers that are not sent yet; without memory where there are none.
    private var collected = ByteBuffer()
    private var collectedAnswers = 0
    private var closesAfterFlush = false
    private var closesWhenQuiet = false
    private var isLastAnswerSent = false

    /// - Parameter peer: for example `127.0.0.1:51234`.
    init(loop: IngestLoop, port: IngestPort, peer: String, slot: ConnectionSlot?) {
        self.loop = loop
        self.port = port
        self.peer = peer
        self.slot = slot
        isStranger = port.dialect == nil
        decoder = FrameDecoder(
            port.dialect?.framing ?? .native,
            maxFrameBytes: port.dialect == nil ? Limits.maxConsultFrameBytes : port.settings.maxFrameBytes,
            firstBytes: port.dialect == nil ? .max : Limits.firstDialectFrameBytes)
        since = loop.eventLoop.now
    }

    // MARK: Life

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        let channel = AgencyChannel(self, dialect: port.dialect, outbox: loop.outbox, eventLoop: context.eventLoop)
        self.channel = channel
        connection = port.connection(peer: peer, answers: channel)
        loop.add(self)
    }

    func channelInactive(context: ChannelHandlerContext) {
        end()
        context.fireChannelInactive()
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        end()
        self.context = nil
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.close(promise: nil)  // a reset by the peer: channelInactive follows
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case .inputClosed? = event as? ChannelEvent {
            isInputClosed = true
            switch state {
            case .open: handOverEnd()
            // The last answer may still be on its way; it closes when it has gone.
            case .closing: if isLastAnswerSent { context.close(promise: nil) }
            case .closed: break
            }
        }
        context.fireUserInboundEventTriggered(event)
    }

    private var isClosed: Bool {
        if case .closed = state { true } else { false }
    }

    /// Lets go of everything but its slot, once: who still waits to answer it holds nothing else of it.
    private func end() {
        guard !isClosed else { return }
        state = .closed
        channel = nil
        loop.remove(self)
        unread = nil
        collected = ByteBuffer()
        if let ticket { loop.budget.cancel(ticket) }
        loop.budget.release(decoder.admittedBytes)
        decoder = FrameDecoder(maxFrameBytes: Limits.maxConsultFrameBytes)
        handOverEnd()
        connection = nil
    }

    // MARK: Bytes in

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let bytes = unwrapInboundIn(data)
        defer { loop.readBuffer.giveBack(bytes) }
        guard case .open = state else { return }
        if unread == nil, ticket == nil {
            let framedBytes = frame(bytes.readableBytesSpan)
            if framedBytes < bytes.readableBytes { keep(bytes.readableBytesView.dropFirst(framedBytes)) }
        } else {
            keep(bytes.readableBytesView)
        }
    }

    /// Keeps what can not be framed yet, in memory of its own: the loop's is for the next connection.
    private func keep(_ rest: ByteBufferView) {
        if unread == nil { unread = ByteBuffer(bytes: rest) } else { unread?.writeBytes(rest) }
    }

    func read(context: ChannelHandlerContext) {
        isReadWanted = true
        readIfAllowed()
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        isWritable = context.channel.isWritable
        readIfAllowed()
        context.fireChannelWritabilityChanged()
    }

    private func readIfAllowed() {
        guard isReadWanted, let context else { return }
        switch state {
        case .open:
            let isFull = heldFrames >= port.settings.window || unread != nil || ticket != nil
            guard !isFull, isWritable else { return }
        case .closing:
            break
        case .closed:
            return
        }
        isReadWanted = false
        context.read()
    }

    /// Cuts what was kept into frames, as far as window and budget allow now.
    private func frameUnread() {
        guard case .open = state, ticket == nil, let bytes = unread else { return }
        let framedBytes = frame(bytes.readableBytesSpan)
        if framedBytes == bytes.readableBytes {
            unread = nil
            if isInputClosed { handOverEnd() }
        } else {
            unread?.moveReaderIndex(forwardBy: framedBytes)
        }
    }

    /// Cuts bytes into frames, as far as window and budget allow.
    ///
    /// - Returns: how many are done with.
    private func frame(_ input: RawSpan) -> Int {
        var index = 0
        var hasNewFrame = !decoder.isInsideFrame
        framing: while heldFrames < port.settings.window {
            let admittedBytes = decoder.admittedBytes
            switch decoder.next(input, from: &index) {
            case .needsBytes:
                break framing
            case .needsMemory(let byteCount):
                guard reserve(byteCount) else { break framing }
                decoder.admit()
            case .frame(let frame):
                heldFrames += 1
                hasFramed = true
                isStranger = false
                decoder.maxFrameBytes = port.settings.maxFrameBytes
                hasNewFrame = true
                since = loop.eventLoop.now
                // Where only its end tells a frame's size, more than it has may have been reserved.
                if frame.count < admittedBytes { loop.budget.release(admittedBytes - frame.count) }
                handOver(.frame(frame))
            case .invalid(let fault):
                loop.budget.release(admittedBytes)
                state = .closing(deadline: loop.eventLoop.now + .seconds(5))
                handOver(.badFrame(fault))
                index = input.byteCount
                break framing
            }
        }
        // A frame's time begins with the first byte of its length.
        if !isStranger, hasNewFrame, decoder.isInsideFrame { since = loop.eventLoop.now }
        return index
    }

    /// Reserves the announced frame's memory.
    ///
    /// A HELLO does not wait for it: it is small, and nobody who is honest shall stand in line behind strangers to be
    /// let in.
    private func reserve(_ byteCount: Int) -> Bool {
        guard let channel else { return false }
        guard !isStranger else {
            loop.budget.reserveNow(byteCount)
            return true
        }
        let eventLoop = loop.eventLoop
        ticket = loop.budget.reserve(byteCount) {
            eventLoop.execute { channel.handler.value.beginFrame(byteCount) }
        }
        return ticket == nil
    }

    /// The memory for the announced frame has come.
    private func beginFrame(_ byteCount: Int) {
        ticket = nil
        guard case .open = state else {
            loop.budget.release(byteCount)  // it has gone meanwhile
            return
        }
        decoder.admit()
        since = loop.eventLoop.now
        frameUnread()
        readIfAllowed()
    }

    /// The peer has said all it will say: told once, behind every frame that was received.
    private func handOverEnd() {
        guard unread == nil, !hasHandedOverEnd else { return }
        hasHandedOverEnd = true
        handOver(.hungUp)
    }

    private func handOver(_ item: IngestConnection.Item) {
        if let connection, connection.append(item) { loop.handOver(connection) }
    }

    // MARK: Answers out

    /// Takes the bytes of an answer; ``flushCollected()`` sends them.
    ///
    /// - Returns: whether it is the first since the last flush.
    func collect(_ answer: ArraySlice<UInt8>, _ end: AnswerEnd) -> Bool {
        guard !closesAfterFlush, !isClosed else { return false }
        collected.writeBytes(answer)
        switch end {
        case .lastWord:
            closesAfterFlush = true
        case .answered(let next):
            heldFrames -= 1
            if next == .closeWhenQuiet { closesWhenQuiet = true }
            if next == .close { closesAfterFlush = true }
        }
        collectedAnswers += 1
        return collectedAnswers == 1
    }

    /// More of its frames wait to be answered than have been since the last flush: their answers will come, and these
    /// may go out with them.
    ///
    /// Not in a dialect, where a frame need not have an answer, nor once the last answer is known.
    var expectsMoreThanCollected: Bool {
        guard case .open = state, port.dialect == nil, !closesAfterFlush else { return false }
        return heldFrames > collectedAnswers
    }

    /// Sends the last word that every agency gets when the service stops.
    func shutDown() {
        channel?.send(Answer(message: .shuttingDown, closes: true))
    }

    /// Sends everything collected in one write.
    func flushCollected() {
        collectedAnswers = 0
        // It may have been closed since it collected.
        guard let context, !isClosed else { return }
        if closesWhenQuiet, heldFrames == 0, unread == nil, !decoder.isInsideFrame { closesAfterFlush = true }
        let bytes = collected
        collected = ByteBuffer()
        if closesAfterFlush {
            unread = nil
            state = .closing(deadline: loop.eventLoop.now + .seconds(2))
            let written = context.eventLoop.makePromise(of: Void.self)
            written.futureResult.assumeIsolated().whenComplete { [self] _ in endOutput() }
            context.writeAndFlush(wrapOutboundOut(bytes), promise: written)
            return
        }
        context.writeAndFlush(wrapOutboundOut(bytes), promise: nil)
        if hasFramed, !decoder.isInsideFrame { since = loop.eventLoop.now }
        frameUnread()
        readIfAllowed()
    }

    /// The last answer has been written: ends the outgoing side and waits a little for the peer's end.
    ///
    /// A plain close would reset the connection while input is unread, and the peer could lose its last answer.
    private func endOutput() {
        guard let context else { return }
        isLastAnswerSent = true
        if isInputClosed {
            context.close(promise: nil)
            return
        }
        context.close(mode: .output, promise: nil)
        readIfAllowed()
    }

    // MARK: Deadlines

    /// Ends the connection where its hello, its frame or anything at all is overdue.
    func expire(now: NIODeadline, isMemoryShort: Bool) {
        switch state {
        case .closing(let deadline):
            if now >= deadline { context?.close(promise: nil) }
        case .closed:
            break
        case .open:
            guard let what = overdue(now: now, isMemoryShort: isMemoryShort) else { return }
            state = .closing(deadline: now + .seconds(5))
            handOver(.expired(what))
        }
    }

    private func overdue(now: NIODeadline, isMemoryShort: Bool) -> String? {
        let waited = now - since
        if !isStranger, decoder.isInsideFrame {
            // Who waits for memory and holds none is in nobody's way.
            if ticket != nil, decoder.admittedBytes == 0 { return nil }
            // While others wait for memory, who holds some must send: announcing a frame is not enough.
            let expectedBytes = Int(waited.nanoseconds / 1_000_000_000) * Limits.minBytesPerSecondWhenShort
            if isMemoryShort, waited >= .seconds(2), decoder.collectedBytes < expectedBytes {
                return
                    "memory is short and a frame came at less than \(Limits.minBytesPerSecondWhenShort) bytes a second"
            }
            return waited >= TimeAmount(port.settings.frameDeadline)
                ? "a frame was not whole within \(port.settings.frameDeadline)" : nil
        }
        if !hasFramed {
            return waited >= TimeAmount(port.settings.helloDeadline)
                ? "no message within \(port.settings.helloDeadline)" : nil
        }
        let isIdle = heldFrames == 0 && waited >= TimeAmount(port.settings.idleDeadline)
        return isIdle ? "nothing was sent within \(port.settings.idleDeadline)" : nil
    }
}
