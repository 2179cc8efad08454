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
    /// When the first of the entries was staged, and the first of the group that is being committed.
    private var waitingSince: ContinuousClock.Instant?
    private(set) var committingSince: ContinuousClock.Instant?

    init(admission: Admission) {
        self.admission = admission
    }

    /// Records that the first entry was staged.
    mutating func didBeginWaiting() { waitingSince = .now }

    /// When the oldest entry without an answer was staged; nil without any.
    var oldest: ContinuousClock.Instant? { committingSince ?? waitingSince }

    /// Takes the entries of the next group.
    mutating func takeGroup() -> StagedEntries {
        committingSince = waitingSince
        let group = entries.takeGroup()
        // Those that did not fit were staged later than the first; it is not known how much later.
        waitingSince = entries.count == 0 ? nil : .now
        return group
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
