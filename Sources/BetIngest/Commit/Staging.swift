/// Admission, and the entries that wait for the committer thread.
///
/// Pure.
///
/// Isolation: the committer's staging lock.
struct Staging {
    enum Phase {
        /// → `stopping` on `stop()`; → `failed` on a failed commit.
        case running
        /// Staged entries are still committed. → `stopped`, → `failed`.
        case stopping
        /// Final: the ledger is closed.
        case stopped
        /// Final: the ledger is not used again.
        case failed
    }

    var admission: Admission
    var entries = StagedEntries()
    private(set) var phase = Phase.running

    init(admission: Admission) {
        self.admission = admission
    }

    mutating func stop() {
        if phase == .running { phase = .stopping }
    }

    mutating func didClose() {
        phase = .stopped
        admission.releaseAll()
    }

    mutating func fail() {
        phase = .failed
        entries = StagedEntries()
        admission.releaseAll()
    }
}
