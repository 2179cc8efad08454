import NIOCore
import Shared

/// The consultations of one event loop: those that wait for the publication are parked here, without a thread and without
/// polling, and answered all at once.
///
/// Isolation: its event loop only.
final class ConsultQueue {
    let readBuffer: ReadBuffer
    private let eventLoop: any EventLoop
    private var handlers: [ObjectIdentifier: ConsultChannelHandler] = [:]
    private var parked: [ObjectIdentifier: (handler: ConsultChannelHandler, deadline: NIODeadline)] =
        [:]
    private var answers: PublishedAnswers?
    private var progress: DrawProgress
    private var finished: Set<AgencyID>
    private let helloDeadline: TimeAmount
    private let idleDeadline: TimeAmount

    /// - Parameters:
    ///   - helloDeadline: how long a connection may take to say HELLO.
    ///   - idleDeadline: how long it may say nothing while nothing is owed to it.
    init(
        eventLoop: any EventLoop, readBuffer: ReadBuffer, progress: DrawProgress, helloDeadline: TimeAmount,
        idleDeadline: TimeAmount
    ) {
        self.eventLoop = eventLoop
        self.readBuffer = readBuffer
        self.progress = progress
        finished = Set(progress.finishedAgencies)
        self.helloDeadline = helloDeadline
        self.idleDeadline = idleDeadline
    }

    var now: NIODeadline { eventLoop.now }

    func add(_ handler: ConsultChannelHandler) {
        handlers[ObjectIdentifier(handler)] = handler
    }

    func remove(_ handler: ConsultChannelHandler) {
        handlers[ObjectIdentifier(handler)] = nil
        parked[ObjectIdentifier(handler)] = nil
    }

    /// The draw is published: answers everybody who waits, each connection with one write.
    ///
    /// - Returns: how many were waiting.
    @discardableResult
    func publish(_ answers: PublishedAnswers) -> Int {
        self.answers = answers
        let waiting = parked
        parked.removeAll()
        for (handler, _) in waiting.values {
            if let agency = handler.agency { handler.answer(answers.winners(agency)) }
        }
        return waiting.count
    }

    /// What is said before the draw has changed.
    func update(_ progress: DrawProgress) {
        self.progress = progress
        finished = Set(progress.finishedAgencies)
    }

    func welcome(_ agency: AgencyID) -> ByteBuffer {
        if let answers { return answers.welcome(agency) }
        let welcome = Welcome(
            nextSequence: 0, storedBets: 0, rejectedBets: 0,
            maxFrameBytes: UInt32(Limits.maxConsultFrameBytes), window: 1,
            isFinished: finished.contains(agency), draw: progress.draw.name)
        return ByteBuffer(bytes: Message.welcome(welcome).encoded)
    }

    /// Answers a consultation, or parks its connection.
    ///
    /// - Returns: the answer; nil while it is parked.
    func consult(
        _ agency: AgencyID, waitMilliseconds: UInt32?, from handler: ConsultChannelHandler
    ) -> ByteBuffer? {
        if let answers { return answers.winners(agency) }
        var deadline = NIODeadline.distantFuture
        if let waitMilliseconds {
            guard waitMilliseconds > 0 else { return notDrawnYet }
            let wait = min(waitMilliseconds, Limits.maxWaitMilliseconds)
            deadline = now + .milliseconds(Int64(wait))
        }
        parked[ObjectIdentifier(handler)] = (handler, deadline)
        return nil
    }

    /// Answers those who have waited as long as they wanted to, and ends silent connections.
    ///
    /// Called four times a second.
    func sweep() {
        let now = now
        for (id, entry) in parked where entry.deadline <= now {
            parked[id] = nil
            entry.handler.answer(notDrawnYet)
        }
        for (id, handler) in handlers where parked[id] == nil {
            handler.expire(now: now, helloDeadline: helloDeadline, idleDeadline: idleDeadline)
        }
    }

    /// Tells everybody to come back later, and closes.
    func closeAll() {
        for handler in Array(handlers.values) {
            handler.fail(with: .shuttingDown)
        }
    }

    /// With a random delay, so that agencies that ask at the same moment do not come back at the same moment.
    private var notDrawnYet: ByteBuffer {
        let answer = NotDrawnYet(
            finishedAgencies: UInt32(finished.count),
            expectedAgencies: progress.expectedAgencies,
            retryAfterMilliseconds: .random(in: 500...1500))
        return ByteBuffer(bytes: Message.notDrawnYet(answer).encoded)
    }
}
