import Domain
import Ledger
import Monitoring

/// Whether a bet could be acknowledged now.
///
/// Pure.
struct Readiness: Equatable, Sendable {
    /// The reasons that it could not; empty if it could.
    private(set) var reasons: [String] = []

    /// Less room is a reason: a commit group has up to 8 MiB, and a ledger grows in steps.
    static let minFreeBytes = 64 << 20
    private static let maxAnswerAge: UInt64 = 5000
    private static let maxWaitSeconds = 10.0

    /// - Parameter now: the clock; the snapshot may be old.
    init(_ snapshot: Snapshot, at now: Instant) {
        if let failure = snapshot.ingest.failure {
            reasons.append("bet-ingest does not answer: \(failure)")
            return
        }
        if let last = snapshot.ingest.lastAnswer, now.milliseconds > last.milliseconds + Self.maxAnswerAge {
            reasons.append("bet-ingest last answered at \(last)")
        }
        if !snapshot.draws.contains(where: { $0.state == .open }) {
            let next = snapshot.draws.first { $0.state == .planned }
            reasons.append("no draw is open" + (next?.opens.map { "; \(next?.draw.name ?? "") opens at \($0)" } ?? ""))
        }
        if let free = snapshot.samples.value(.freeBytes), free < Double(Self.minFreeBytes) {
            reasons.append("\(Int(free)) bytes are free on the disk; \(Self.minFreeBytes) are expected")
        }
        if let oldest = snapshot.samples.value(.oldest), oldest > Self.maxWaitSeconds {
            reasons.append("a chunk has waited \(Int(oldest)) seconds for the disk")
        }
        if snapshot.samples.value(.stopping) == 1 { reasons.append("bet-ingest is stopping") }
    }

    var isReady: Bool { reasons.isEmpty }

    /// A line for each reason, or `ready`.
    var text: String { (isReady ? ["ready"] : reasons).joined(separator: "\n") + "\n" }
}
