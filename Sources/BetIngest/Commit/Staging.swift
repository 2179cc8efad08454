/// The state between workers and committer: admission, and the entries that wait for the committer thread.
///
/// Pure.
///
/// Isolation: the committer's staging lock.
struct Staging {
    enum Phase {
        /// → `stopping` by `stop()`, → `failed` by a failed commit.
        case running
        /// Staged entries are still committed.
        ///
        /// → `stopped`, → `failed`.
        case stopping
        /// Final: the ledger is closed.
        case stopped
        /// Final: the ledger is not touched again.
        case failed
    }

    var admission: Admission
    var entries = StagedEntries()
    private(set) var phase = Phase.running
    /// Whether the seal is durable: a ledger that was found sealed has its seal.
    var isSealDurable: Bool

    init(admission: Admission) {
        self.admission = admission
        isSealDurable = admission.isSealed
    }

    mutating func stop() {
        if phase == .running { phase = .stopping }
    }

    mutating func didClose() {
        phase = .stopped
    }

    /// Ends everything: staged entries are dropped.
    mutating func fail() {
        phase = .failed
        entries = StagedEntries()
    }
}
