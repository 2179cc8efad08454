import Domain
import Monitoring
import NIOConcurrencyHelpers
import ReplicatedLedger

/// The work of all committers since the start of the service.
///
/// Isolation: any thread; its lock is taken once a group, and once for each snapshot.
final class IngestFigures: Sendable {
    /// The sums so far.
    struct Totals: Sendable {
        var chunks = GroupFigures.Chunks()
        var commit = Histogram.seconds
        var acknowledge = Histogram.seconds
        var groupBytes = Histogram.bytes
        /// Milliseconds since 1970; 0 before the first group.
        var lastCommit: UInt64 = 0
        var missedDraws = 0
        /// Messages to a cluster whose outcome was unknown at first, and those that another node was faster with.
        var unknown = 0
        var conflicts = 0
    }

    private let state = NIOLockedValueBox(Totals())

    var totals: Totals { state.withLockedValue { $0 } }

    func add(_ group: GroupFigures) {
        state.withLockedValue { totals in
            totals.chunks.add(group.chunks)
            totals.unknown += group.unknown
            totals.conflicts += group.conflicts
            if let acknowledged = group.acknowledged { totals.acknowledge.observe(acknowledged) }
            guard let committed = group.committed else { return }
            totals.commit.observe(committed)
            totals.groupBytes.observe(Double(group.bytes))
            totals.lastCommit = group.time
        }
    }

    func addMissedDraw() { state.withLockedValue { $0.missedDraws += 1 } }
}

/// The work on one group.
struct GroupFigures: Sendable {
    /// Chunks by their answer.
    struct Chunks: Sendable {
        var bets = 0
        var stored = 0
        var rejected = 0
        var repeated = 0
        var late = 0
        /// In conflict, or for a closed draw.
        var unrecorded = 0

        mutating func add(_ other: Chunks) {
            bets += other.bets
            stored += other.stored
            rejected += other.rejected
            repeated += other.repeated
            late += other.late
            unrecorded += other.unrecorded
        }

        mutating func count(_ decision: Decision) {
            switch decision {
            case .stored(let chunk):
                stored += 1
                bets += chunk.count
            case .rejected, .invalid: rejected += 1
            case .repeated: repeated += 1
            case .notRecorded(let chunk):
                if chunk.late != nil { late += 1 } else { unrecorded += 1 }
            case .gap, .lateUnlisted: unrecorded += 1
            default: break
            }
        }
    }

    var chunks = Chunks()
    /// The group's records.
    var bytes = 0
    /// The time of its write and sync; nil for a group without a record.
    var committed: Duration?
    /// From the staging of its first entry to its answers; nil for a group without entries.
    var acknowledged: Duration?
    /// Milliseconds since 1970.
    var time: UInt64 = 0
    /// Messages to a cluster, by their outcome if they were not stored.
    var unknown = 0
    var conflicts = 0
}

extension GroupFigures {
    /// The figures of a message to a cluster.
    init(_ outcome: PublishOutcome, after duration: Duration, bytes: Int, at time: Instant) {
        switch outcome {
        case .stored:
            committed = duration
            acknowledged = duration
            self.bytes = bytes
            self.time = time.milliseconds
        case .conflict: conflicts = 1
        case .unknown: unknown = 1
        }
    }
}
