import Monitoring
package import NIOCore

/// The NIO handler of one connection: frames bytes, writes answers, decides when to read and when to end.
///
/// Isolation: its event loop only.
///
/// It reads only while the intake has room, everything received is framed, the frame in progress has its memory, and
/// the peer takes its answers.
package final class FramedChannelHandler: ChannelDuplexHandler {
    package typealias InboundIn = ByteBuffer
    package typealias OutboundIn = ByteBuffer
    package typealias OutboundOut = ByteBuffer

    /// Its index among the handlers of its loop, which maintains it.
    package var loopIndex = 0
    private let loop: FramedLoop
    private let settings: FramedSettings
    /// Kept as long as anything refers to the handler: a connection counts until its last answer is released.
    private let slot: ConnectionSlot?
    private var delegate: (any FramedConnectionDelegate)?
    private var context: ChannelHandlerContext?
    private var phase = ConnectionPhase.open
    private var intake: FrameIntake
    private var output = AnswerOutput()
    private var ticket: FrameBudget.Ticket?
    private var isKnown: Bool
    private var account = FrameBudget.Account.unproven
    private var (isReadWanted, isInputClosed, hasEnded) = (false, false, false)
    private var clock: ActivityClock
    private var endReason = ConnectionEnds.Reason.peer

    /// - Parameter since: when it connected; nil: now.
    package init(loop: FramedLoop, settings: FramedSettings, slot: ConnectionSlot?, since: NIODeadline? = nil) {
        self.loop = loop
        self.settings = settings
        self.slot = slot
        isKnown = settings.isKnownAtOnce
        intake = FrameIntake(
            settings.framing, window: settings.isKnownAtOnce ? settings.window : settings.firstWindow,
            maxFrameBytes: settings.isKnownAtOnce ? settings.maxFrameBytes : settings.firstMaxFrameBytes,
            firstBytes: settings.firstFrameBytes, isFree: settings.isNative && !settings.isKnownAtOnce,
            mayBeCutShort: settings.mayBeCutShort)
        clock = ActivityClock(now: since ?? loop.now)
    }

    /// Sets the delegate, once, before the first event.
    package func setDelegate(_ delegate: any FramedConnectionDelegate) {
        self.delegate = delegate
    }

    // MARK: Life

    package func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        loop.add(self)
    }

    package func channelInactive(context: ChannelHandlerContext) {
        release()
        context.fireChannelInactive()
    }

    package func handlerRemoved(context: ChannelHandlerContext) {
        release()
        self.context = nil
    }

    package func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.close(promise: nil)  // a reset by the peer: channelInactive follows
    }

    package func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case .inputClosed? = event as? ChannelEvent {
            isInputClosed = true
            switch phase {
            case .open: endInput()
            case .lingering: context.close(promise: nil)
            case .ending, .draining, .closed: break  // the final answer may still be in flight
            }
        }
        context.fireUserInboundEventTriggered(event)
    }

    /// Releases everything except the slot, which a pending answer keeps, once.
    private func release() {
        if case .closed = phase { return }
        phase = .closed
        loop.remove(self)
        closeIntake()
        output.removeAll()
        delegate?.close()
        delegate = nil
        settings.didEnd(endReason)
    }

    /// Stops framing, releases memory and cancels a queued request for it.
    private func closeIntake() {
        intake.close()
        if let ticket { loop.budget?.cancel(ticket) }
        ticket = nil
    }

    // MARK: Bytes in

    package func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let bytes = unwrapInboundIn(data)
        defer { if !settings.isEncrypted { loop.readBuffer.giveBack(bytes) } }
        guard case .open = phase else { return }
        if !intake.hasUnread, ticket == nil, takesFrames {
            let framedBytes = frame(bytes.readableBytesSpan)
            if framedBytes < bytes.readableBytes { intake.keep(bytes.readableBytesView.dropFirst(framedBytes)) }
        } else {
            intake.keep(bytes.readableBytesView)
        }
    }

    package func channelReadComplete(context: ChannelHandlerContext) {
        if output.count > 0 { flush() }
        context.fireChannelReadComplete()
    }

    package func read(context: ChannelHandlerContext) {
        isReadWanted = true
        readIfAllowed()
    }

    package func channelWritabilityChanged(context: ChannelHandlerContext) {
        if context.channel.isWritable {
            if case .draining = phase { phase = .draining(lastProgress: loop.now) }
            flush()
        }
        context.fireChannelWritabilityChanged()
    }

    /// Whether the peer takes its answers; only then are its next frames processed.
    private var takesFrames: Bool { context?.channel.isWritable == true && !output.hasStream }

    private func readIfAllowed() {
        guard isReadWanted, let context else { return }
        switch phase {
        case .open:
            guard intake.hasRoom, !intake.hasUnread, ticket == nil, takesFrames else { return }
        case .ending, .draining, .lingering: break  // the bytes are discarded
        case .closed: return
        }
        isReadWanted = false
        context.read()
    }

    /// Frames the kept bytes, as far as window, budget and peer allow.
    private func frameUnread() {
        guard case .open = phase, ticket == nil, takesFrames else { return }
        if let bytes = intake.takeUnread() {
            let framedBytes = frame(bytes.readableBytesSpan)
            if framedBytes < bytes.readableBytes { intake.keep(bytes.readableBytesView.dropFirst(framedBytes)) }
        }
        if isInputClosed { endInput() }
    }

    /// Frames bytes and returns how many it consumed.
    private func frame(_ input: RawSpan) -> Int {
        var index = 0
        var startsFrame = !intake.isInsideFrame
        // A question is processed only when the peer has taken the answer to the previous one.
        framing: while case .open = phase, takesFrames {
            switch intake.next(input, from: &index) {
            case .pauses:
                break framing
            case .needsMemory(let byteCount, let isWhole):
                guard let reservation = reserve(byteCount, isWhole: isWhole) else { break framing }
                if let frame = intake.admit(reservation) {
                    startsFrame = true
                    pass(frame)
                }
            case .frame(let frame):
                startsFrame = true
                pass(frame)
            case .invalid(let fault):
                beginEnding(.fault)
                delegate?.receive(fault)
                index = input.byteCount
                break framing
            }
        }
        if intake.hasDoubt { waitForRest() }
        // A frame's deadline starts with the first byte of its length.
        if startsFrame, intake.isInsideFrame {
            if isKnown { clock.since = loop.now }
            clock.resetProgress(intake, now: loop.now)
        }
        return index
    }

    /// Waits 100 ms for the rest of a message that was cut short: it was written together with the frame.
    private func waitForRest() {
        let bound = NIOLoopBound(self, eventLoop: loop.eventLoop)
        loop.eventLoop.scheduleTask(in: .milliseconds(100)) { bound.value.settleDoubt() }
    }

    private func settleDoubt() {
        guard case .open = phase, let frame = intake.settleDoubt() else { return }
        pass(frame)
        frameUnread()
    }

    private func pass(_ frame: Frame) {
        clock.since = loop.now
        delegate?.receive(frame)
    }

    /// Reserves memory for a frame; nil if the request is queued.
    private func reserve(_ byteCount: Int, isWhole: Bool) -> Reservation?? {
        guard let budget = loop.budget else { return .some(nil) }
        let (eventLoop, bound) = (loop.eventLoop, NIOLoopBound(self, eventLoop: loop.eventLoop))
        let request = budget.reserve(byteCount, isWhole ? .proven : account) { reservation in
            eventLoop.execute { bound.value.continueFrame(reservation) }
        }
        switch request {
        case .reserved(let reservation):
            return reservation
        case .waits(let ticket):
            self.ticket = ticket
            return .none
        }
    }

    /// Continues with the granted memory; if the connection has ended, dropping the reservation releases it.
    private func continueFrame(_ reservation: Reservation) {
        guard case .open = phase, ticket != nil else { return }
        ticket = nil
        clock.since = loop.now
        if let frame = intake.admit(reservation) { pass(frame) }
        clock.resetProgress(intake, now: loop.now)
        frameUnread()
        readIfAllowed()
    }

    /// Reports the end of input once, after the last received frame.
    private func endInput() {
        guard !hasEnded, ticket == nil, !intake.hasUnread || intake.waitsOnlyForDraw else { return }
        settleDoubt()
        _ = intake.takeUnread()
        hasEnded = true
        delegate?.endInput()
    }

    // MARK: Answers out

    /// Allows the peer frames of full size, as many as the window has.
    ///
    /// - Parameter isProven: whether a chunk of the peer is stored; its frames are then reserved from their start.
    package func setKnown(isProven: Bool) {
        if isProven, account != .proven { (account, intake.firstBytes) = (.proven, .max) }
        guard !isKnown else { return }
        isKnown = true
        intake.window = settings.window
        intake.maxFrameBytes = settings.maxFrameBytes
        intake.isFree = false
    }

    /// Queues an answer for ``flush()``, and returns whether it is the first since the last flush.
    package func collect(
        _ answer: FramedAnswer, _ ending: AnswerOutput.Ending = .none, isFrameAnswered: Bool = true,
        wasParked: Bool = false
    ) -> Bool {
        switch phase {
        case .closed, .draining, .lingering: return false
        case .open, .ending: break
        }
        guard output.ending != .afterLast else { return false }
        switch answer {
        case .bytes(let bytes): output.append(bytes)
        case .shared(let bytes): output.append(shared: bytes)
        case .winners(let stream): output.append(stream)
        }
        if isFrameAnswered { intake.answered(wasParked: wasParked) }
        output.end(ending)
        return output.count == 1
    }

    /// Records that a frame waits for the draw.
    package func park() {
        intake.parked()
        if isInputClosed { endInput() }
    }

    /// Whether more answers are pending than collected, so that the collected ones may be flushed later.
    package var expectsMoreThanCollected: Bool {
        guard case .open = phase, output.ending == .none else { return false }
        return intake.heldFrames > output.count
    }

    package var isNative: Bool { settings.isNative }

    /// Writes as far as the peer takes the answers.
    package func flush() {
        repeat {
            guard writeCollected() else { return }
            guard case .open = phase else { break }
            if !intake.isInsideFrame { clock.since = loop.now }
            frameUnread()
        } while output.count > 0
        readIfAllowed()
    }

    /// - Returns: false if there is nothing more to do.
    private func writeCollected() -> Bool {
        output.takeCount()
        guard let context else { return false }
        switch phase {
        case .closed, .lingering: return false
        case .open, .ending, .draining: break
        }
        if output.ending == .whenQuiet, intake.heldFrames == 0, !intake.hasUnread, !intake.isInsideFrame {
            output.end(.afterLast)
        }
        if output.ending == .afterLast, !phase.isDraining {
            closeIntake()
            if endReason == .peer { endReason = .answered }
            phase = .draining(lastProgress: loop.now)
        }
        return writePieces(context)
    }

    /// - Returns: false if the connection was closed because an answer cannot be read.
    private func writePieces(_ context: ChannelHandlerContext) -> Bool {
        while context.channel.isWritable || output.isEmpty {
            let piece: ByteBuffer?
            do throws(WinnersFault) {
                piece = try output.takeNext()
            } catch {
                delegate?.fail(error)
                context.close(promise: nil)
                return false
            }
            guard phase.isDraining, output.isEmpty else {
                guard let piece else { break }
                context.write(wrapOutboundOut(piece), promise: nil)
                // TLS keeps what is not flushed, and the channel does not count it.
                if settings.isEncrypted { context.flush() }
                continue
            }
            let written = context.eventLoop.makePromise(of: Void.self)
            written.futureResult.assumeIsolated().whenComplete { [self] _ in endOutput() }
            context.writeAndFlush(wrapOutboundOut(piece ?? ByteBuffer()), promise: written)
            return true
        }
        context.flush()
        return true
    }

    /// Closes the outgoing side after the final answer, and waits briefly for the peer's end of input.
    ///
    /// A plain close would reset the connection while input is unread, and the peer could lose its final answer.
    private func endOutput() {
        guard let context, phase.isDraining else { return }
        phase = .lingering(since: loop.now)
        if isInputClosed {
            context.close(promise: nil)
            return
        }
        context.close(mode: .output, promise: nil)
        readIfAllowed()
    }

    /// Ends the connection after the collected answers.
    ///
    /// - Parameter final: the final message, for native peers only.
    package func finish(with final: [UInt8] = []) {
        _ = collect(.bytes(settings.isNative ? final[...] : []), .afterLast, isFrameAnswered: false)
        flush()
    }

    package func closeNow() {
        context?.close(promise: nil)
    }

    private func beginEnding(_ reason: ConnectionEnds.Reason) {
        endReason = reason
        closeIntake()
        phase = .ending(since: loop.now)
    }

    // MARK: Deadlines

    /// Ends an overdue connection.
    package func expire(now: NIODeadline, isMemoryShort: Bool) {
        guard case .open = phase else {
            if phase.isOverdue(now: now) { context?.close(promise: nil) }
            return
        }
        let activity = clock.activity(
            intake, isKnown: isKnown, isNative: isNative, waitsForMemory: ticket != nil, now: now)
        guard let reason = settings.deadlines.overdue(activity, now: now, isMemoryShort: isMemoryShort) else { return }
        beginEnding(.deadline)
        delegate?.expire(reason)
    }
}
