import DequeModule
import Domain
import Ledger

/// What waits for the committer thread, in the order in which it was decided.
///
/// Pure.
///
/// Isolation: under the committer's staging lock.
struct Staging {
    enum Phase {
        /// To `stopping` by `stop()`, to `failed` by a failed commit.
        case running
        /// What is staged is still committed.
        ///
        /// To `stopped`, or to `failed`.
        case stopping
        /// Final: the ledger is closed.
        case stopped
        /// Final: the ledger is not touched again.
        case failed
    }

    var admission: Admission
    var phase = Phase.running
    var isSealDurable: Bool
    private(set) var entries: Deque<StagedEntry> = []
    /// Of the records among them.
    private var recordBytes = 0

    init(admission: Admission) {
        self.admission = admission
        // A ledger that was found sealed has its seal: a draw that was interrupted behind it goes on from there.
        isSealDurable = admission.isSealed
    }

    mutating func stage(_ entry: consuming StagedEntry) {
        recordBytes += entry.recordBytes
        entries.append(entry)
    }

    mutating func stage(_ entries: [StagedEntry]) {
        for entry in entries { stage(entry) }
    }

    /// Takes as many entries as one group holds.
    ///
    /// Not more, so that the frames of a group are freed when it is committed, and do not wait for the next ones.
    ///
    /// - Returns: them, and the bytes of the records among them.
    mutating func takeGroup() -> (entries: Deque<StagedEntry>, recordBytes: Int) {
        let room = Limits.maxGroupBytes - GroupHeader.byteCount
        var (group, groupBytes): (Deque<StagedEntry>, Int) = ([], 0)
        guard recordBytes > room else {
            swap(&group, &entries)
            swap(&groupBytes, &recordBytes)
            return (group, groupBytes)
        }
        // Any record fits an empty group.
        while let next = entries.first?.recordBytes, groupBytes + next <= room {
            groupBytes += next
            group.append(entries.removeFirst())
        }
        recordBytes -= groupBytes
        return (group, groupBytes)
    }

    /// Nothing is committed any more.
    mutating func fail() {
        phase = .failed
        entries.removeAll()
        recordBytes = 0
    }
}
