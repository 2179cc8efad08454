import Domain
import Ledger
import Storage

/// The committer of a draw: decides on requests, records chunks durably, and then delivers the decisions.
///
/// Two conform: ``LedgerCommitter``, to a file, and ``StreamCommitter``, to the servers of a cluster.
protocol DrawCommitter: AnyObject, Sendable {
    /// Decides on a request and stages what follows from it; never blocks.
    ///
    /// Isolation: workers and event loops.
    ///
    /// - Returns: whether the connection may have another turn; if not, ``Requester/finishTurn()`` is called.
    @discardableResult
    func stage(_ request: Request, from requester: any Requester) -> Bool

    /// Ends the draw, unless it is ending; nothing is admitted afterwards.
    ///
    /// Calls `sealed` of the observer when the ledger file ends durably with its seal.
    func seal(_ reason: SealRecord.Reason)

    /// Moves the cut-off.
    ///
    /// - Parameter user: the operator.
    /// - Returns: false if the draw is closed, or if the new cut-off has passed.
    func moveCutOff(to cutOff: Instant, by user: String) -> Bool

    /// The standings of the agencies as far as this service knows them, the cut-off, and the late chunks.
    var snapshot: (standings: DrawStandings, cutOff: Instant?, late: LateList) { get }

    /// When the oldest request without an answer was staged; nil without any.
    var oldestUnanswered: ContinuousClock.Instant? { get }

    /// The instant from which chunks are late, if the draw has one.
    var cutOff: Instant? { get }

    /// The cut-off of a draw that is not ending, if it has one.
    var pendingCutOff: Instant? { get }

    /// Whether a chunk would be in time.
    func isOpen(at now: Instant) -> Bool

    /// Whether the agency has sent anything that is recorded.
    func hasRecords(of agency: AgencyID) -> Bool

    /// Makes the committer thread finish what is staged and end.
    func stop()

    /// The body of the committer thread, until ``stop()`` or a failure.
    func run()

    /// Makes a seal durable that is staged before the thread runs; others are made durable by the thread.
    ///
    /// - Returns: false after a failure.
    func commitStaged() -> Bool

    /// Releases every connection without touching the ledger.
    ///
    /// Connections refer to the committer, and the committer to them until this or a stop: a simulated process that is
    /// killed would keep its memory.
    func abandon()
}

/// The committer's callbacks to the rest of the service.
///
/// Called on the committer thread; must not block.
struct CommitObserver: Sendable {
    /// An agency's last chunk is durable.
    var agencyFinished: @Sendable (AgencyID) -> Void
    /// The first late chunk of each of these agencies is in the list.
    var late: @Sendable ([AgencyID]) -> Void
    /// The late list cannot be written; its chunks are not answered.
    var lateFailed: @Sendable (DiskError) -> Void
    /// The seal and its closing group are durable.
    var sealed: @Sendable (SealRecord) -> Void
    /// A write or sync failed: nothing more is acknowledged.
    var failed: @Sendable (LedgerError) -> Void
    /// The messages of a cluster contradict each other: the draw is not sealed.
    var damaged: @Sendable (String) -> Void = { _ in }
}
