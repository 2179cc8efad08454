import DequeModule
import Dialects
import Domain
import Ledger
import Platform
import Shell
import WireProtocol

/// Group commit: workers stage, one thread appends everything staged meanwhile under one fdatasync, and only then do the
/// answers leave.
///
/// Fields and their guards:
/// - `staging`: its lock. Workers append entries and decide on them in the same step, so the order of entries is the order
///   of decisions. The committer thread takes a group of them at once.
/// - `ledger`: its lock, held by the committer thread through a commit. Nobody else takes it before the thread has ended.
///
/// All answers go through here, so that each leaves after everything that was staged before it is durable: a WELCOME
/// never counts a bet that power loss could take back.
final class LedgerCommitter: Sendable {
    /// What the committer tells the rest of the service.
    ///
    /// Called on its thread; must not block.
    struct Observer: Sendable {
        /// An agency's last chunk is durable.
        var agencyFinished: @Sendable (AgencyID) -> Void
        /// The seal and its closing group are durable.
        var sealed: @Sendable (SealRecord) -> Void
        /// A write or sync failed: nothing will ever be acknowledged again.
        var failed: @Sendable (LedgerError) -> Void
        /// A connection whose repetition is answered may have its next turn.
        var resumed: @Sendable (IngestConnection) -> Void
    }

    private let staging: Monitor<Staging>
    private let ledger: Monitor<OpenLedger>
    private let observer: Observer
    private let clock: @Sendable () -> UInt64
    private let log: EventLog

    init(
        admission: Admission, ledger: consuming sending OpenLedger, observer: Observer,
        clock: @escaping @Sendable () -> UInt64, log: EventLog
    ) {
        staging = Monitor(Staging(admission: admission))
        self.ledger = Monitor(ledger)
        self.observer = observer
        self.clock = clock
        self.log = log
    }
}

// MARK: - Staging: workers, never blocking on the disk

extension LedgerCommitter {
    /// Stages a checked chunk.
    ///
    /// - Returns: whether its connection may have another turn; a repetition's has it when it is answered.
    @discardableResult
    func stage(_ checked: CheckedChunk, agency: AgencyID, from connection: IngestConnection) -> Bool {
        var isRepetition = false
        append { staging in
            let entry = staging.admission.admit(checked, agency: agency, from: connection)
            if case .settlement(.repeated)? = entry { isRepetition = true }
            if let entry { staging.stage(entry) }
        }
        return !isRepetition
    }

    /// Makes a connection speak for an agency; it is welcomed when all that the agency has staged is durable.
    ///
    /// - Parameter tellsStream: the agency's version of the protocol has the stream's record in WELCOME.
    func join(_ agency: AgencyID, tellsStream: Bool = true, _ connection: IngestConnection) {
        append { $0.stage($0.admission.join(agency, tellsStream: tellsStream, connection)) }
    }

    /// Lets a connection go, behind the answers it still has coming.
    func leave(_ agency: AgencyID?, _ connection: IngestConnection, with message: Message?) {
        append { $0.stage($0.admission.leave(agency, connection, with: message)) }
    }

    /// Stages a checked chunk of a dialect, which the service numbers.
    func number(_ checked: CheckedChunk, agency: AgencyID, from connection: IngestConnection) {
        append { $0.stage($0.admission.number(checked, agency: agency, from: connection)) }
    }

    /// Stages the end of an agency's chunks.
    ///
    /// - Parameter reply: nil where another entry answers.
    func finish(_ agency: AgencyID?, reply: DialectReply?, from connection: IngestConnection) {
        append { $0.stage($0.admission.finish(agency, reply: reply, from: connection)) }
    }

    /// Answers in turn: when everything that was staged before is durable and answered.
    func answer(_ answer: Answer, _ connection: IngestConnection, _ event: LogEvent?) {
        append { $0.stage(.answer(answer, connection, event)) }
    }

    /// Does something in turn, on the committer thread; it must not block.
    func afterwards(_ body: @escaping @Sendable () -> Void) {
        append { $0.stage(.settlement(.afterwards(body))) }
    }

    private func append(_ body: (inout Staging) -> Void) {
        let (before, after) = staging.withLock { staging in
            guard staging.phase == .running else { return (0, 0) }
            let before = staging.entries.count
            body(&staging)
            return (before, staging.entries.count)
        }
        // The committer alone waits here.
        if before == 0, after > 0 { staging.wakeAll() }
    }
}

// MARK: - The main thread

extension LedgerCommitter {
    /// Has the ledger sealed: nothing enters it any more.
    ///
    /// The observer is told when the seal and its closing group are durable: at once, where the ledger was found sealed.
    func seal(winningNumber: UInt16, method: String, agencies: UInt32) {
        append { staging in
            guard !staging.admission.isSealed else { return }
            let record = SealRecord(
                bets: staging.admission.standings.storedBets, agencies: agencies,
                winningNumber: winningNumber, method: method)
            staging.admission.seal(record)
            staging.stage(.seal(record))
        }
        let durable = staging.withLock { $0.isSealDurable ? $0.admission.standings.seal : nil }
        if let durable { observer.sealed(durable) }
    }

    /// Lets the committer thread commit what is staged, close the ledger and end.
    ///
    /// Nothing is staged afterwards.
    func stop() {
        staging.withLock { staging in
            if staging.phase == .running { staging.phase = .stopping }
        }
        staging.wakeAll()
    }
}

// MARK: - The committer thread

extension LedgerCommitter {
    /// Commits groups until `stop()` or a failure.
    ///
    /// The body of the committer thread.
    func run() {
        while waitForStagedEntries() {
            guard commitStaged() else { return }
        }
        close()
    }

    /// Blocks until something is staged.
    ///
    /// - Returns: false when there is nothing left to commit and there will not be.
    private func waitForStagedEntries() -> Bool {
        staging.wait { staging -> Bool? in
            if !staging.entries.isEmpty { return true }
            return staging.phase == .running ? nil : false
        } ?? false
    }

    /// Commits everything that is staged now, and answers it.
    ///
    /// Tests and simulations call it in their own thread.
    ///
    /// - Returns: false after a failure. Then no answer of the group leaves: whether it is durable is not known.
    func commitStaged() -> Bool {
        while true {
            var (entries, recordBytes) = staging.withLock { $0.takeGroup() }
            do throws(LedgerError) {
                let time = clock()
                let isDone = try ledger.withLock { (ledger: inout OpenLedger) throws(LedgerError) -> Bool in
                    if entries.isEmpty, ledger.repetitions.isEmpty { return true }
                    ledger.reserve(recordBytes: recordBytes)
                    let settlements = append(&entries, to: &ledger, time: time)
                    if recordBytes > 0 { try ledger.commit(time: time) }
                    try settle(settlements, &ledger, time: time)
                    try answerRepetition(&ledger)
                    return false
                }
                if isDone { return true }
            } catch {
                fail(error)
                return false
            }
        }
    }

    /// Appends the records of a group, and frees each frame while it is still in the cache.
    ///
    /// - Returns: what is to be done when the group is durable.
    private func append(
        _ entries: inout Deque<StagedEntry>, to ledger: inout OpenLedger, time: UInt64
    ) -> [Settlement] {
        var settlements: [Settlement] = []
        settlements.reserveCapacity(entries.count)
        while let entry = entries.popFirst() {
            switch consume entry {
            case .record(let record, let answers):
                let firstBetIndex = ledger.append(record, time: time)
                settle(record, firstBetIndex: firstBetIndex, answers, into: &settlements)
            case .seal(let seal):
                _ = ledger.append(StagedRecord(seal), time: time)
                settlements.append(.sealed(seal))
            case .settlement(let settlement):
                settlements.append(settlement)
            }
        }
        return settlements
    }

    /// What is left to do about a record.
    private func settle(
        _ record: StagedRecord, firstBetIndex: UInt64, _ answers: any AnswerSink, into settlements: inout [Settlement]
    ) {
        if record.count == 1, record.rejection == nil, log.writesSuccess {
            let bet = BetColumns(record.bytes.span.extracting(record.payloadIndex...), count: 1).bets[0]
            settlements.append(.log(.betStored(document: bet.document, number: bet.number)))
        }
        let event = log.writesSuccess || record.rejection != nil ? record.event : nil
        if let answer = record.answer(firstBetIndex: firstBetIndex) {
            settlements.append(.answer(answer, answers, event))
        } else if let event {
            settlements.append(.log(event))
        }
        guard record.kind == .lastChunk else { return }
        let (agency, agencyFinished) = (record.agency, observer.agencyFinished)
        settlements.append(.afterwards { agencyFinished(agency) })
    }

    /// Answers a group that is durable.
    private func settle(
        _ settlements: [Settlement], _ ledger: inout OpenLedger, time: UInt64
    ) throws(LedgerError) {
        for settlement in settlements {
            switch settlement {
            case .answer(let answer, let answers, _):
                answers.send(answer)
            case .repeated(let repetition):
                ledger.repetitions.append(repetition)
            case .afterwards(let body):
                body()
            case .log:
                break
            case .sealed(let seal):
                try ledger.close(time: time)
                staging.withLock { $0.isSealDurable = true }
                observer.sealed(seal)
            }
        }
        // Lines come after the answers: nobody waits for the log.
        for settlement in settlements {
            switch settlement {
            case .answer(_, _, let event?), .log(let event): log(event)
            case .answer, .repeated, .afterwards, .sealed: break
            }
        }
    }

    /// Answers one repetition, from the disk: the next group does not wait for the others.
    private func answerRepetition(_ ledger: inout OpenLedger) throws(LedgerError) {
        guard let repetition = ledger.repetitions.popFirst() else { return }
        let answer = try ledger.answer(repeated: repetition.chunk, agency: repetition.agency)
        repetition.connection.answers.send(Answer(answer))
        observer.resumed(repetition.connection)
    }

    /// Ends the ledger with a closing group; after a failure nothing is touched.
    func close() {
        guard staging.withLock({ $0.phase != .failed }) else { return }
        do throws(LedgerError) {
            let time = clock()
            try ledger.withLock { (ledger: inout OpenLedger) throws(LedgerError) in
                try ledger.close(time: time)
            }
            staging.withLock { $0.phase = .stopped }
        } catch {
            fail(error)
        }
    }

    private func fail(_ error: LedgerError) {
        staging.withLock { $0.fail() }
        observer.failed(error)
    }
}

extension StagedRecord {
    /// What the log says once the record is durable.
    fileprivate var event: LogEvent {
        if let rejection {
            return .betsRejected(count: count, agency: agency, sequence: sequence, reason: rejection.message)
        }
        return .betsReceived(count: count, agency: agency, sequence: sequence)
    }

    /// What the agency is told once the record is durable.
    fileprivate func answer(firstBetIndex: UInt64) -> Answer? {
        switch answer {
        case .none:
            return nil
        case .reply(let reply):
            return Answer(reply)
        case .message:
            if let rejection { return Answer(rejection.message(sequence: sequence)) }
            return Answer(
                .chunkProcessed(
                    ChunkProcessed(sequence: sequence, count: UInt16(count), firstBetIndex: firstBetIndex)))
        }
    }
}
