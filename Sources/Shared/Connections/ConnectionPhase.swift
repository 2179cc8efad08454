package import NIOCore

/// The life of one connection; pure.
package enum ConnectionPhase: Sendable {
    /// → `ending` after an invalid frame or a missed deadline; → `draining` after the final answer; → `closed`.
    case open
    /// Input is ignored; the final answer is awaited. → `draining`, → `closed` at the deadline.
    case ending(since: NIODeadline)
    /// The final answer is being written. → `lingering`, → `closed` if the peer takes nothing for too long.
    case draining(lastProgress: NIODeadline)
    /// Output is closed; the peer's end of input is awaited. → `closed`.
    case lingering(since: NIODeadline)
    /// Final.
    case closed

    var isDraining: Bool { if case .draining = self { true } else { false } }

    /// Whether the phase has lasted too long, for a draining connection without progress.
    ///
    /// Of an open connection ``ConnectionDeadlines`` decides.
    package func isOverdue(now: NIODeadline) -> Bool {
        switch self {
        case .open, .closed: false
        case .ending(let since): now - since >= .seconds(5)
        case .draining(let lastProgress): now - lastProgress >= .seconds(60)
        case .lingering(let since): now - since >= .seconds(2)
        }
    }
}
