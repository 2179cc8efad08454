import DequeModule
import Domain
import Ledger
import Platform

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
final class LedgerCommitter: Sendable {
    /// The committer's callbacks to the rest of the service.
    ///
    /// Called on the committer thread; must not block.
    struct Observer: Sendable {
        /// An agency's last chunk is durable.
        var agencyFinished: @Sendable (AgencyID) -> Void
        /// The seal and its closing group are durable.
        var sealed: @Sendable (SealRecord) -> Void
        /// A write or sync failed: nothing more is acknowledged.
        var failed: @Sendable (LedgerError) -> Void
    }

    private let staging: Monitor<Staging>
    private let ledger: Monitor<OpenLedger>
    private let observer: Observer
    private let clock: @Sendable () -> UInt64
    /// Whether the bet of a chunk with one bet is decoded for the log.
    private let namesBets: Bool

    init(
        admission: Admission, ledger: consuming sending OpenLedger, observer: Observer,
        clock: @escaping @Sendable () -> UInt64, namesBets: Bool
    ) {
        staging = Monitor(Staging(admission: admission))
        self.ledger = Monitor(ledger)
        self.observer = observer
        self.clock = clock
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
        append { $0.admission.apply(request, from: requester, to: &$0.entries) } ?? true
    }

    /// Changes the staging and wakes the committer if it was empty before.
    ///
    /// - Returns: nil after a stop or a failure, when nothing more is staged.
    private func append<Outcome>(_ body: (inout Staging) -> Outcome) -> Outcome? {
        let (outcome, wakes) = staging.withLock { staging -> (Outcome?, Bool) in
            guard staging.phase == .running else { return (nil, false) }
            let before = staging.entries.count
            let outcome = body(&staging)
            return (outcome, before == 0 && staging.entries.count > 0)
        }
        // Only the committer waits here.
        if wakes { staging.wakeAll() }
        return outcome
    }
}

// MARK: - The main thread

extension LedgerCommitter {
    /// Stages the seal; nothing is admitted afterwards.
    ///
    /// Calls `observer.sealed` when the seal and its closing group are durable: at once if they already are.
    func seal(winningNumber: UInt16, method: String, agencies: UInt32) {
        _ = append { staging in
            guard !staging.admission.isSealed else { return }
            let record = SealRecord(
                bets: staging.admission.standings.storedBets, agencies: agencies,
                winningNumber: winningNumber, method: method)
            staging.admission.seal(record, to: &staging.entries)
        }
        let durable = staging.withLock { $0.isSealDurable ? $0.admission.standings.seal : nil }
        if let durable { observer.sealed(durable) }
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
            var group = staging.withLock { $0.entries.takeGroup() }
            do throws(LedgerError) {
                let time = clock()
                let isDone = try ledger.withLock { (ledger: inout OpenLedger) throws(LedgerError) -> Bool in
                    if group.count == 0, ledger.repetitions.isEmpty { return true }
                    let recordBytes = group.recordBytes
                    ledger.reserve(recordBytes: recordBytes)
                    let entries = append(&group, to: &ledger, time: time)
                    if recordBytes > 0 { try ledger.commit(time: time) }
                    try settle(entries, &ledger, time: time)
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
    /// - Returns: the entries, with each record replaced by the decision to deliver once it is durable.
    private func append(_ group: inout StagedEntries, to ledger: inout OpenLedger, time: UInt64) -> [StagedEntry] {
        var entries: [StagedEntry] = []
        entries.reserveCapacity(group.count)
        while let entry = group.popFirst() {
            switch consume entry {
            case .record(let record, let requester):
                let firstBetIndex = ledger.append(record, time: time)
                if namesBets, let bet = record.singleBet { entries.append(.decided(.storedBet(bet), requester)) }
                entries.append(.decided(record.decision(firstBetIndex: firstBetIndex), requester))
            case .seal(let seal):
                _ = ledger.append(StagedRecord(seal), time: time)
                entries.append(.seal(seal))
            case let other:
                entries.append(other)
            }
        }
        return entries
    }

    /// Delivers the decisions of a durable group.
    ///
    /// - Throws: ``LedgerError`` if the closing group of a seal cannot be written.
    private func settle(_ entries: [StagedEntry], _ ledger: inout OpenLedger, time: UInt64) throws(LedgerError) {
        for entry in entries {
            switch entry {
            case .decided(let decision, let requester):
                requester.deliver(decision)
            case .repeated(let repetition):
                ledger.repetitions.append(repetition)
            case .seal(let seal):
                try ledger.close(time: time)
                staging.withLock { $0.isSealDurable = true }
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
    /// - Throws: ``LedgerError`` if the record cannot be read.
    private func answerRepetition(_ ledger: inout OpenLedger) throws(LedgerError) {
        guard let repetition = ledger.repetitions.popFirst() else { return }
        repetition.requester.deliver(try ledger.decision(on: repetition))
        repetition.requester.finishTurn()
    }

    /// Stops without touching the ledger.
    ///
    /// Connections refer to the committer, and the committer to them until this or a stop: a simulated process that is
    /// killed would keep its memory.
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
