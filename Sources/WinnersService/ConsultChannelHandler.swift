import NIOCore
import Shared

/// The socket side of one connection to the winners' port.
///
/// Isolation: its event loop only. Everything is answered from memory there: a queue and workers between would only cost a
/// hand-over each way (docs/adr/0007).
final class ConsultChannelHandler: ChannelDuplexHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    /// Of several answers in one write.
    private static let maxCopiedBytes = 4096

    private(set) var agency: AgencyID?
    private let queue: ConsultQueue
    private let slot: ConnectionSlot?
    /// What it speaks; nil: the native protocol.
    private let dialect: (any Dialect)?
    private var session: ConsultSession
    private var decoder: FrameDecoder
    private var context: ChannelHandlerContext?
    /// Received and not yet framed: while a consultation is parked, nothing more is read.
    private var unread: ByteBuffer?
    /// Answers that are not written yet.
    private var unwritten: ByteBuffer?
    private var isParked = false
    private var isClosing = false
    private var isReadWanted = false
    private var since: NIODeadline

    /// - Parameter slot: the connection's place below the ceiling, kept as long as the handler.
    init(
        queue: ConsultQueue, session: ConsultSession, dialect: (any Dialect)? = nil, slot: ConnectionSlot? = nil
    ) {
        self.queue = queue
        since = queue.now
        self.dialect = dialect
        decoder = FrameDecoder(dialect?.framing ?? .native, maxFrameBytes: Limits.maxConsultFrameBytes)
        self.slot = slot
        self.session = session
    }

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        queue.add(self)
    }

    func channelInactive(context: ChannelHandlerContext) {
        queue.remove(self)
        context.fireChannelInactive()
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        queue.remove(self)
        self.context = nil
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.close(promise: nil)  // a reset by the peer: channelInactive follows
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let bytes = unwrapInboundIn(data)
        defer { queue.readBuffer.giveBack(bytes) }
        guard !isClosing else { return }
        since = queue.now
        if unread == nil {
            let framedBytes = frame(bytes.readableBytesSpan)
            if framedBytes < bytes.readableBytes { keep(bytes.readableBytesView.dropFirst(framedBytes)) }
        } else {
            keep(bytes.readableBytesView)
        }
    }

    /// Keeps what can not be framed yet, in memory of its own: the loop's is for the next connection.
    private func keep(_ rest: ByteBufferView) {
        guard !isClosing else { return }
        if unread == nil { unread = ByteBuffer(bytes: rest) } else { unread?.writeBytes(rest) }
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        flush()
        context.fireChannelReadComplete()
    }

    func read(context: ChannelHandlerContext) {
        isReadWanted = true
        readIfAllowed()
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        readIfAllowed()
        context.fireChannelWritabilityChanged()
    }

    private func readIfAllowed() {
        guard isReadWanted, let context else { return }
        guard isClosing || !isParked && context.channel.isWritable else { return }
        isReadWanted = false
        context.read()
    }

    private func frameUnread() {
        guard let bytes = unread else { return }
        let framedBytes = frame(bytes.readableBytesSpan)
        unread?.moveReaderIndex(forwardBy: framedBytes)
        if unread?.readableBytes == 0 { unread = nil }
    }

    /// Answers what was asked, up to a consultation that is parked.
    ///
    /// - Returns: how many bytes are done with.
    private func frame(_ input: RawSpan) -> Int {
        var index = 0
        framing: while !isParked, !isClosing {
            switch decoder.next(input, from: &index) {
            case .needsBytes: break framing
            case .needsMemory: decoder.admit()
            case .frame(let frame): receive(frame)
            case .invalid(let fault): perform(session.receive(.badFrame(fault)))
            }
        }
        return index
    }

    private func receive(_ frame: [UInt8]) {
        if let dialect {
            // No bets are taken on this port: whatever today is, their dates do not matter.
            perform(session.receive(dialect.request(frame, today: Limits.minBirthdate)))
            return
        }
        do throws(MessageFault) {
            perform(session.receive(.message(try Message(frame: frame))))
        } catch {
            perform(session.receive(.malformed(error)))
        }
    }

    private func perform(_ action: ConsultSession.Action) {
        switch action {
        case .welcome(let agency):
            self.agency = agency
            write(queue.welcome(agency))
        case .close:
            close()
        case .consult(let agency, let waitMilliseconds):
            self.agency = agency
            if let answer = queue.consult(agency, waitMilliseconds: waitMilliseconds, from: self) {
                write(answer)
                if dialect != nil { close() }
            } else {
                isParked = true
            }
        case .fail(let code, let text):
            fail(with: .error(code, text))
        case .ignore:
            break
        }
    }

    /// The answer to a parked consultation; what came behind it is looked at next.
    func answer(_ bytes: ByteBuffer) {
        isParked = false
        since = queue.now
        write(bytes)
        if dialect != nil { return close() }
        frameUnread()
        flush()
        readIfAllowed()
    }

    /// Answers to what was read together are sent as one: copying a short answer is cheaper than a write of its own.
    ///
    /// A long one is shared with all who ask for it, and not copied.
    private func write(_ bytes: ByteBuffer) {
        guard let before = unwritten?.readableBytes, before + bytes.readableBytes <= Self.maxCopiedBytes else {
            writeUnwritten()
            unwritten = bytes
            return
        }
        unwritten?.writeImmutableBuffer(bytes)
    }

    private func writeUnwritten() {
        guard let bytes = unwritten else { return }
        unwritten = nil
        context?.write(wrapOutboundOut(bytes), promise: nil)
    }

    private func flush() {
        writeUnwritten()
        context?.flush()
    }

    /// Answers ERROR and closes once it is sent.
    func fail(with message: Message) {
        guard !isClosing else { return }
        // A message of the native protocol has no words in a dialect: its connection just closes.
        if dialect == nil { write(ByteBuffer(bytes: message.encoded)) }
        close()
    }

    /// Sends what was written and closes once it has gone.
    private func close() {
        guard let context, !isClosing else { return }
        isClosing = true
        unread = nil
        since = queue.now
        flush()
        context.close(mode: .output, promise: nil)
        readIfAllowed()
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        // The peer has said all it will say, and what it asked has been answered. One that is parked is let go: nobody
        // could tell it from one that has gone.
        if case .inputClosed? = event as? ChannelEvent {
            let written = context.eventLoop.makePromise(of: Void.self)
            written.futureResult.assumeIsolated().whenComplete { _ in context.close(promise: nil) }
            writeUnwritten()
            context.writeAndFlush(wrapOutboundOut(ByteBuffer()), promise: written)
        }
        context.fireUserInboundEventTriggered(event)
    }

    /// Ends a connection that says nothing.
    func expire(now: NIODeadline, helloDeadline: TimeAmount, idleDeadline: TimeAmount) {
        // An agency of a dialect opens this port at its start and says nothing before it has sent its bets.
        let deadline = agency == nil && dialect == nil ? helloDeadline : idleDeadline
        if isClosing {
            if now - since >= .seconds(2) { context?.close(promise: nil) }
        } else if now - since >= deadline {
            let seconds = deadline.nanoseconds / 1_000_000_000
            let what = agency == nil ? "no HELLO" : "nothing was said"
            perform(session.receive(.expired("\(what) within \(seconds) s")))
        }
    }
}
