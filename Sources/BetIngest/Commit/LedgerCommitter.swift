import DequeModule
import Domain
import Ledger
import Platform
import Storage

/// The committer of the ledger, with group commit.
///
/// Workers stage. One thread appends everything staged, with one fdatasync, and only then delivers the decisions.
///
/// Fields and their guards:
/// - `staging`: its lock. Workers decide and stage in one step, so entries are in the order of decisions.
/// - `ledger`: its lock, which the committer thread holds during a commit. No other thread takes it before the
///   committer thread has ended.
///
/// All decisions pass through here, so each is delivered after everything staged before it is durable: WELCOME never
/// counts a bet that power loss could remove.
final class LedgerCommitter: DrawCommitter {
    private let staging: Monitor<Staging>
    private let ledger: Monitor<OpenLedger>
    private let late: LateFile
    private let observer: CommitObserver
    private let clock: @Sendable () -> UInt64
    private let figures: IngestFigures
    /// Whether the bet of a chunk with one bet is decoded for the log.
    private let namesBets: Bool

    init(
        admission: Admission, ledger: consuming sending OpenLedger, late: LateFile, observer: CommitObserver,
        clock: @escaping @Sendable () -> UInt64, figures: IngestFigures = IngestFigures(), namesBets: Bool
    ) {
        staging = Monitor(Staging(admission: admission))
        self.ledger = Monitor(ledger)
        self.late = late
        self.observer = observer
        self.clock = clock
        self.figures = figures
        self.namesBets = namesBets
    }
}

// MARK: - Staging: workers and event loops, never blocking on the disk

extension LedgerCommitter {
    /// Decides on a request and stages the resulting entries.
    ///
    /// - Returns: whether the connection may have another turn; after a repetition it must wait for the answer.
    @discardableResult
    func stage(_ request: Request, from requester: any Requester) -> Bool {
        append { $0.admission.apply(request, from: requester, at: now, to: &$0.entries) } ?? true
    }

    private var now: Instant { Instant(milliseconds: clock()) }

    /// Changes the staging and wakes the committer if it was empty before.
    ///
    /// - Returns: nil after a stop or a failure, when nothing more is staged.
    private func append<Outcome>(_ body: (inout Staging) -> Outcome) -> Outcome? {
        let (outcome, wakes) = staging.withLock { staging -> (Outcome?, Bool) in
            guard staging.phase == .running else { return (nil, false) }
            let before = staging.entries.count
            let outcome = body(&staging)
            guard before == 0, staging.entries.count > 0 else { return (outcome, false) }
            staging.didBeginWaiting()
            return (outcome, true)
        }
        // Only the committer waits here.
        if wakes { staging.wakeAll() }
        return outcome
    }
}

// MARK: - The main thread, and the clock's

extension LedgerCommitter {
    /// Stages the seal, unless it is staged; nothing is admitted afterwards.
    ///
    /// Calls `observer.sealed` when the seal and its closing group are durable.
    func seal(_ reason: SealRecord.Reason) {
        _ = append { $0.admission.seal(reason, at: now, to: &$0.entries) }
    }

    /// Moves the cut-off, in memory.
    ///
    /// - Returns: false if the draw is closed, or if the new cut-off has passed.
    func moveCutOff(to cutOff: Instant, by _: String) -> Bool {
        append { $0.admission.moveCutOff(to: cutOff, at: now) } ?? false
    }

    /// The standings of everything that is durable or staged, and the cut-off.
    ///
    /// The next chunk after a call copies the table of agencies: call it at most once a second.
    var snapshot: (standings: DrawStandings, cutOff: Instant?, late: LateList) {
        let (standings, cutOff) = staging.withLock { ($0.admission.standings, $0.admission.cutOff) }
        return (standings, cutOff, late.snapshot)
    }

    /// When the oldest request without an answer was staged; nil without any.
    var oldestUnanswered: ContinuousClock.Instant? { staging.withLock(\.oldest) }

    /// The instant from which chunks are late, if the draw has one.
    var cutOff: Instant? { staging.withLock(\.admission.cutOff) }

    /// The cut-off of a draw that is not sealed, if it has one.
    var pendingCutOff: Instant? { staging.withLock { $0.admission.isSealed ? nil : $0.admission.cutOff } }

    /// Whether a chunk would be in time.
    func isOpen(at now: Instant) -> Bool {
        staging.withLock { !$0.admission.isClosed && $0.admission.cutOff.map { now < $0 } != false }
    }

    /// Whether the agency has sent anything that is recorded.
    func hasRecords(of agency: AgencyID) -> Bool {
        staging.withLock { $0.admission.standings.standings[agency] != nil }
    }

    /// Makes the committer thread commit the staged entries, close the ledger and end.
    func stop() {
        staging.withLock { $0.stop() }
        staging.wakeAll()
    }
}

// MARK: - The committer thread

extension LedgerCommitter {
    /// Commits groups until `stop()` or a failure.
    func run() {
        while waitForStagedEntries() {
            guard commitStaged() else { return }
        }
        close()
    }

    /// Blocks until something is staged; false after a stop, once nothing is left to commit.
    private func waitForStagedEntries() -> Bool {
        staging.wait { staging -> Bool? in
            if staging.entries.count > 0 { return true }
            return staging.phase == .running ? nil : false
        } ?? false
    }

    /// Commits everything staged; tests and simulations call it on their own thread.
    ///
    /// - Returns: false after a failure. Then no decision of the group is delivered, because it may not be durable.
    func commitStaged() -> Bool {
        while true {
            var (group, since) = staging.withLock { ($0.takeGroup(), $0.committingSince) }
            var figures = GroupFigures()
            do throws(LedgerError) {
                let time = clock()
                let isDone = try ledger.withLock { (ledger: inout OpenLedger) throws(LedgerError) -> Bool in
                    if group.count == 0, ledger.repetitions.isEmpty { return true }
                    let recordBytes = group.recordBytes
                    figures.bytes = recordBytes
                    figures.time = time
                    ledger.reserve(recordBytes: recordBytes)
                    var (entries, lateChunks) = append(&group, to: &ledger)
                    if recordBytes > 0 {
                        let start = ContinuousClock.now
                        try ledger.commit(time: time)
                        figures.committed = start.duration(to: .now)
                    }
                    if !lateChunks.isEmpty { list(lateChunks, &entries) }
                    try settle(entries, &ledger, time: time, &figures)
                    if try answerRepetition(&ledger) { figures.chunks.repeated += 1 }
                    return false
                }
                figures.acknowledged = since.map { $0.duration(to: .now) }
                self.figures.add(figures)
                if isDone { return true }
            } catch {
                fail(error)
                return false
            }
        }
    }

    /// Appends the records of a group, and frees each frame while it is still in the cache.
    ///
    /// - Returns: the entries, with each record replaced by the decision to deliver once it is durable, and the late
    ///   chunks among them.
    private func append(_ group: inout StagedEntries, to ledger: inout OpenLedger) -> ([StagedEntry], [LateChunk]) {
        var entries: [StagedEntry] = []
        var lateChunks: [LateChunk] = []
        entries.reserveCapacity(group.count)
        while let entry = group.popFirst() {
            switch consume entry {
            case .record(let record, let requester):
                let firstBetIndex = ledger.append(record)
                if namesBets, let bet = record.singleBet { entries.append(.decided(.storedBet(bet), requester)) }
                entries.append(.decided(record.decision(firstBetIndex: firstBetIndex), requester))
            case .seal(let seal, let time):
                _ = ledger.append(StagedRecord(seal, time: time))
                entries.append(.seal(seal, time))
            case .decided(.notRecorded(let chunk), let requester):
                if let time = chunk.late {
                    lateChunks.append(
                        LateChunk(time: time, agency: chunk.agency, sequence: chunk.sequence, bets: chunk.count))
                }
                entries.append(.decided(.notRecorded(chunk), requester))
            case let other:
                entries.append(other)
            }
        }
        return (entries, lateChunks)
    }

    /// Makes late chunks durable in their list; those that cannot be listed are not answered as late.
    ///
    /// The list is not the ledger: a full disk must not end a service whose draws take no more bets.
    private func list(_ lateChunks: [LateChunk], _ entries: inout [StagedEntry]) {
        do throws(DiskError) {
            let agencies = try late.append(lateChunks)
            if !agencies.isEmpty { observer.late(agencies) }
        } catch {
            observer.lateFailed(error)
            entries = entries.map { entry in
                guard case .decided(let decision, let requester) = entry else { return entry }
                return .decided(decision.unlisted, requester)
            }
        }
    }

    /// Delivers the decisions of a durable group.
    ///
    /// - Throws: ``LedgerError`` if the closing group of a seal cannot be written.
    private func settle(
        _ entries: [StagedEntry], _ ledger: inout OpenLedger, time: UInt64, _ figures: inout GroupFigures
    ) throws(LedgerError) {
        for entry in entries {
            switch entry {
            case .decided(let decision, let requester):
                requester.deliver(decision)
                figures.chunks.count(decision)
            case .repeated(let repetition):
                ledger.repetitions.append(repetition)
            case .seal(let seal, _):
                try ledger.close(time: time)
                observer.sealed(seal)
            case .record:
                preconditionFailure("a record that was not appended")
            }
        }
        // Last, so that no agency waits for the log.
        for case .decided(let decision, let requester) in entries {
            requester.log(decision)
            if case .stored(let chunk) = decision, chunk.isLast { observer.agencyFinished(chunk.agency) }
        }
    }

    /// Answers one repetition from the disk.
    ///
    /// The others wait for later groups, so that they do not delay the next commit.
    ///
    /// - Returns: whether there was one.
    /// - Throws: ``LedgerError`` if the record cannot be read.
    private func answerRepetition(_ ledger: inout OpenLedger) throws(LedgerError) -> Bool {
        guard let repetition = ledger.repetitions.popFirst() else { return false }
        repetition.requester.deliver(try ledger.decision(on: repetition))
        repetition.requester.finishTurn()
        return true
    }

    func abandon() {
        staging.withLock { $0.fail() }
    }

    /// Ends the ledger with a closing group; does nothing after a failure.
    func close() {
        guard staging.withLock({ $0.phase != .failed }) else { return }
        do throws(LedgerError) {
            let time = clock()
            try ledger.withLock { (ledger: inout OpenLedger) throws(LedgerError) in
                try ledger.close(time: time)
            }
            staging.withLock { $0.didClose() }
        } catch {
            fail(error)
        }
    }

    private func fail(_ error: LedgerError) {
        staging.withLock { $0.fail() }
        observer.failed(error)
    }
}
