import DequeModule
import Domain
import Shell
import WireProtocol

/// Sends a file's bets: up to `window` chunks in flight, answered in order.
///
/// After a lost connection it resumes from the position that the service reports, after checking that the recorded bets
/// are those of the file.
///
/// Isolation: the main thread.
struct BetSender {
    /// The service's record of the agency's bets, over all runs.
    struct Totals: Equatable {
        var stored = 0
        var rejected = 0

        var recorded: Int { stored + rejected }
    }

    /// A chunk without an answer yet; its bets are read again from the file if they are needed.
    private struct InFlight {
        var sequence: UInt32
        var isLast: Bool
        var start: BetStream.Checkpoint
        var end: BetStream.Checkpoint
        /// Whether WELCOME counts it already: it was sent again only for its answer.
        var isRepeated = false

        var count: Int { end.bets - start.bets }
    }

    private(set) var totals = Totals()
    private(set) var isFinished = false
    private(set) var isWelcomed = false
    private let log: EventLog
    private let rejected: RowReport
    private var stream: BetStream
    private var inFlight: Deque<InFlight> = []
    /// Recorded chunks whose answers were lost: they are sent again for the answers.
    private var repeats: Deque<InFlight> = []
    /// The highest sequence answered in this run.
    private var acknowledged: UInt32 = 0
    /// Bets stored in this run, for the rate in the progress bar.
    private var sentBets = 0
    private var hasResumed = false
    private var countdown: DrawCountdown?
    private let bar = ProgressBar(label: "bets", unit: "bets")

    /// - Parameter rejected: receives the lines of rejected chunks.
    init(stream: BetStream, rejected: RowReport, log: EventLog) {
        self.stream = stream
        self.rejected = rejected
        self.log = log
    }

    var unansweredCount: Int { inFlight.count + repeats.count }

    /// Sends all bets, blocks until the last chunk is answered, and returns the totals over all runs.
    ///
    /// - Throws: ``AgencyError``; ``BetFileChange``; ``Stopped``; ``DiskError``.
    mutating func run(_ dialog: inout ServiceDialog) throws -> Totals {
        var sender = self
        defer {
            sender.bar.finish()
            self = sender
        }
        var unacknowledged: UInt32?
        return try dialog.run(unacknowledged: { unacknowledged }) { dialog, welcome in
            defer { unacknowledged = (sender.inFlight.first ?? sender.repeats.first)?.sequence }
            return try sender.send(&dialog, welcome)
        }
    }

    private mutating func send(_ dialog: inout ServiceDialog, _ welcome: Welcome) throws -> Totals {
        stream.limitChunks(toBytes: Int(welcome.maxFrameBytes) + Limits.frameLengthBytes)
        countdown = dialog.deadlineOfDraw
        try resume(welcome)
        var sequence = welcome.nextSequence
        var hasSentLast = isFinished
        if isFinished, stream.check.bets > totals.recorded {
            throw AgencyError.fileTooLong(
                path: stream.path, dialog.agency, unsentBets: stream.check.bets - totals.recorded)
        }
        // Bounds the window of a broken service.
        let window = min(Int(welcome.window), 1024)
        var change: BetFileChange?
        while !isFinished || unansweredCount > 0 {
            do {
                while change == nil, inFlight.count < window,
                    let chunk = try nextChunk(sequence, hasSentLast: hasSentLast)
                {
                    dialog.link.send(.chunk(chunk))
                    guard chunk.sequence == sequence else { continue }
                    hasSentLast = chunk.isLast
                    sequence += 1  // cannot overflow: nextChunk throws at the largest
                }
            } catch let error as BetFileChange {
                change = error
            }
            // First wait for the answers to all sent chunks, so that rejected bets are listed.
            if let change, inFlight.isEmpty { throw change }
            let message = try dialog.waitForNextMessage()
            guard let oldest = inFlight.first else {
                throw ConnectionFailure(reason: "the service answered a chunk that was not sent")
            }
            let isStored = try settle(oldest, message)
            inFlight.removeFirst()
            acknowledged = max(acknowledged, oldest.sequence)
            dialog.noteAnswer()
            if oldest.isLast, !oldest.isRepeated {
                isFinished = isStored
                hasSentLast = isStored  // a rejected last chunk leaves the stream open: another follows
            }
        }
        return totals
    }

    /// Reads the next chunk: first those to repeat for their answers, then the rest of the file.
    private mutating func nextChunk(_ sequence: UInt32, hasSentLast: Bool) throws -> Chunk? {
        if var again = repeats.first {
            let packed = try stream.nextChunk(sequence: again.sequence, count: again.count, isLast: again.isLast)
            guard stream.checkpoint.digest == again.end.digest else {
                throw stream.change("its bets differ from those that were sent")
            }
            again.isRepeated = true
            inFlight.append(again)
            repeats.removeFirst()
            return packed.chunk
        }
        if hasSentLast { return nil }
        guard sequence < .max else { throw AgencyError.noSequenceLeft }
        let packed = try stream.nextChunk(sequence: sequence)
        inFlight.append(
            InFlight(sequence: sequence, isLast: packed.chunk.isLast, start: packed.start, end: stream.checkpoint))
        return packed.chunk
    }

    /// Resumes the stream from the position that the service reports.
    ///
    /// - Throws: ``AgencyError/otherFile(path:_:)`` if the recorded bets are not the file's first ones.
    private mutating func resume(_ welcome: Welcome) throws {
        totals = Totals(stored: Int(welcome.storedBets), rejected: Int(welcome.rejectedBets))
        isFinished = welcome.isFinished
        isWelcomed = true
        if welcome.nextSequence <= acknowledged {
            log(
                .messageFailed(
                    peer: "service",
                    reason:
                        "sequence \(acknowledged) was acknowledged, but the next one is now \(welcome.nextSequence): its "
                        + "ledger was restored from a copy; the bets since are sent again"))
            acknowledged = welcome.nextSequence - 1
        }
        let sent = Array(inFlight) + Array(repeats)
        (inFlight, repeats) = ([], [])
        let checkpoints = [stream.checkpoint] + sent.flatMap { [$0.start, $0.end] }
        if let place = checkpoints.last(where: { isRecorded($0, welcome) }) {
            repeats = recorded(sent, welcome)
            stream.seek(to: repeats.first?.start ?? place)
        } else {
            try compare(welcome)
        }
        if !hasResumed { bar.resume(at: stream.checkpoint.position.byteOffset, count: 0) }
        hasResumed = true
    }

    /// Whether exactly the bets before it are recorded.
    private func isRecorded(_ checkpoint: BetStream.Checkpoint, _ welcome: Welcome) -> Bool {
        guard checkpoint.bets == totals.recorded else { return false }
        guard checkpoint.bets > 0, let checksum = welcome.stream?.checksum else { return true }
        return checkpoint.digest.checksum == checksum
    }

    /// The chunks before the next sequence, whose answers did not arrive.
    private func recorded(_ sent: [InFlight], _ welcome: Welcome) -> Deque<InFlight> {
        let recorded = sent.filter { $0.sequence < welcome.nextSequence }
        guard let last = recorded.last, last.sequence == welcome.nextSequence - 1, last.end.bets == totals.recorded
        else { return [] }
        return Deque(recorded)
    }

    /// Compares the recorded bets with the first ones of the file and seeks past them.
    ///
    /// - Throws: ``AgencyError/otherFile(path:_:)``.
    private mutating func compare(_ welcome: Welcome) throws {
        let (recorded, record) = (totals.recorded, welcome.stream)
        guard recorded <= stream.check.bets else {
            throw AgencyError.otherFile(path: stream.path, .fewer(bets: stream.check.bets, recorded: recorded))
        }
        let lastCount = min(Int(record?.lastCount ?? 0), recorded)
        guard let digests = try stream.seek(toBets: recorded, lastCount: lastCount) else {
            throw stream.change("it has fewer bets than were checked")
        }
        guard let record else { return }
        let isLastSame = lastCount == 0 || record.lastChecksum == digests.last.checksum
        if record.checksum.map({ $0 == digests.all.checksum }) ?? isLastSame { return }
        try stream.checkUnchanged()
        let first = recorded - lastCount + 1
        throw AgencyError.otherFile(path: stream.path, isLastSame ? .before(first) : .bets(first...recorded))
    }

    /// Adds an answer to the totals, and returns whether the chunk is stored.
    ///
    /// - Throws: ``AgencyError`` if the chunk is not recorded; ``ConnectionFailure`` for another answer.
    private mutating func settle(_ sent: InFlight, _ answer: Message) throws -> Bool {
        switch answer {
        case .chunkProcessed(let processed)
        where processed.sequence == sent.sequence && Int(processed.count) == sent.count:
            if !sent.isRepeated { totals.stored += sent.count }
            sentBets += sent.count
            log(.betsSent(count: sent.count, sequence: sent.sequence))
            bar.update(
                sent.end.position.byteOffset, of: stream.fileBytes, count: sentBets,
                note: countdown?.text(at: .now))
            return true
        case .chunkRejected(let rejection) where rejection.sequence == sent.sequence:
            try settle(sent, rejection)
            return false
        default:
            throw ConnectionFailure(
                reason: "the service answered sequence \(sent.sequence) with something else")
        }
    }

    private mutating func settle(_ sent: InFlight, _ rejection: ChunkRejected) throws {
        switch rejection.code {
        case .invalidBet:
            if !sent.isRepeated { totals.rejected += sent.count }
            let reason = "rejected by the service (\(rejection.code)): \(rejection.message)"
            log(.betsRejectedByService(count: sent.count, sequence: sent.sequence, reason: reason))
            try stream.report(sent.start, count: sent.count, to: rejected) { bet in
                bet == Int(rejection.betIndex) ? reason : "in one chunk with a bet that was \(reason)"
            }
        case .agencyFinished, .drawClosed, .drawVoid:
            throw AgencyError.notAdmitted(rejection.message)
        case .conflict:
            throw AgencyError.conflict(sequence: sent.sequence, rejection.message)
        default:
            // Includes malformed chunks: their bets are not recorded, so later bets would not be the next ones of the file.
            throw AgencyError.notStored(sequence: sent.sequence, rejection.code, rejection.message)
        }
    }
}
