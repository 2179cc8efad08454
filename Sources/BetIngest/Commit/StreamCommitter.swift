import DequeModule
import Domain
import Ledger
import Platform
import ReplicatedLedger
import Storage

/// The committer of a draw on a cluster: a ``SubjectWriter`` for each agency, over the engine.
///
/// One thread takes requests and the engine's replies in order, and delivers decisions once their messages are stored on a
/// majority. When every agency has an end it copies the stream to the draw's ledger file, checked, and seals it there: from
/// then on the draw is as one of a single machine.
///
/// Fields and their guards:
/// - `state`: its lock. Any thread appends inputs and reads the view.
/// - `core`: its lock, which the committer thread holds while it works. No other thread takes it before that has ended.
final class StreamCommitter: DrawCommitter {
    enum Input: Sendable {
        case request(Request, any Requester)
        case published(AgencyID, attempt: UInt64, PublishOutcome)
        /// The last message, for the agency's writer.
        case read(AgencyID, ReadOutcome)
        /// A message that may have a repeated chunk.
        case found(AgencyID, ReadOutcome)
        case counted(Result<StreamCounts, EngineUnavailable>)
        /// The last message of an agency of another node.
        case looked(AgencyID, ReadOutcome)
        /// Agencies that have an end, as another node says.
        case heard([AgencyID])
        case seal(SealRecord.Reason)
        case ended(DrawEnd)
    }

    private struct State {
        var inputs: Deque<Input> = []
        /// Whether the thread can do something with an input now.
        var hasWork = false
        /// Agencies of which the engine stores or reads a message: their chunks wait for its answer.
        var busy: Set<AgencyID> = []
        var isStopped = false
        /// The agencies as far as they are known, for other threads.
        var standings = DrawStandings()
        var cutOff: Instant?
        var isEnding = false
        var oldest: ContinuousClock.Instant?

        func isDue(_ input: Input) -> Bool {
            if case .request(.chunk(_, let agency), _) = input { !busy.contains(agency) } else { true }
        }

        mutating func takeInputs() -> Deque<Input> {
            defer { (inputs, hasWork) = ([], false) }
            return inputs
        }
    }

    private let state: Monitor<State>
    private let core: Monitor<StreamCore>
    private let cluster: DrawCluster
    private let draw: DrawID
    private let ledgerID: String
    private let late: LateFile
    private let clock: @Sendable () -> UInt64

    /// - Parameter header: of the draw's ledger file, the same on every node.
    init(
        _ cluster: DrawCluster, folder: DrawFolder, header: LedgerHeader, agencies: DrawAgencies, cutOff: Instant?,
        late: LateFile,
        observer: CommitObserver, on disk: any Disk, clock: @escaping @Sendable () -> UInt64,
        figures: IngestFigures = IngestFigures(), namesBets: Bool
    ) {
        self.cluster = cluster
        self.late = late
        self.clock = clock
        draw = folder.draw
        ledgerID = DrawResult.text(ledgerID: header.ledgerID)
        state = Monitor(State(cutOff: cutOff))
        core = Monitor(
            StreamCore(
                cluster, folder: folder, header: header, agencies: agencies, cutOff: cutOff, late: late,
                observer: observer, on: disk, figures: figures, namesBets: namesBets))
    }

    // MARK: Any thread

    @discardableResult
    func stage(_ request: Request, from requester: any Requester) -> Bool {
        append(.request(request, requester))
        return true
    }

    func seal(_ reason: SealRecord.Reason) {
        append(.seal(reason))
    }

    /// Takes another version of when the draw ends, that another node has stored.
    func adopt(_ end: DrawEnd) { append(.ended(end)) }

    /// Takes what another node says: that these agencies have an end.
    func hear(_ agencies: [AgencyID]) { append(.heard(agencies)) }

    /// Blocks: other nodes may have moved the cut-off or closed the draw, so the cluster decides.
    func moveCutOff(to cutOff: Instant, by user: String) -> Bool {
        let key = EngineDocuments.key(DrawEnd.name, of: draw)
        let moved = DrawEnd(ledgerID: ledgerID, cutOff: cutOff, movedBy: user)
        do {
            while true {
                let current = try cluster.documents.read(key)
                let now = Instant(milliseconds: clock())
                guard current.flatMap({ DrawEnd($0.bytes)?.order }) == nil, isOpen(at: now), cutOff > now else {
                    return false
                }
                guard try cluster.documents.replace(key, moved.bytes, after: current?.sequence ?? 0) else { continue }
                state.withLock { $0.cutOff = cutOff }
                append(.ended(moved))
                return true
            }
        } catch {
            return false  // The service stops.
        }
    }

    var snapshot: (standings: DrawStandings, cutOff: Instant?, late: LateList) {
        let (standings, cutOff) = state.withLock { ($0.standings, $0.cutOff) }
        return (standings, cutOff, late.snapshot)
    }

    var oldestUnanswered: ContinuousClock.Instant? { state.withLock(\.oldest) }

    var cutOff: Instant? { state.withLock(\.cutOff) }

    var pendingCutOff: Instant? { state.withLock { $0.isEnding ? nil : $0.cutOff } }

    func isOpen(at now: Instant) -> Bool {
        state.withLock { !$0.isEnding && $0.cutOff.map { now < $0 } != false }
    }

    func hasRecords(of agency: AgencyID) -> Bool { state.withLock { $0.standings.standings[agency] != nil } }

    func stop() {
        state.withLock { state in
            state.isStopped = true
            state.inputs = []
        }
        state.wakeAll()
    }

    func abandon() { stop() }

    /// Nothing is staged before the thread runs.
    func commitStaged() -> Bool { true }

    private func append(_ input: Input) {
        let wakes = state.withLock { state -> Bool in
            if state.isStopped { return false }
            state.inputs.append(input)
            if state.hasWork || !state.isDue(input) { return false }
            state.hasWork = true
            return true
        }
        if wakes { state.wakeAll() }
    }

    // MARK: The committer thread

    func run() {
        core.withLock { core in
            while let inputs = waitForInputs(until: core.nextTimer, core.takeBusy()) { handle(inputs, &core) }
            core.stop()
        }
    }

    /// Blocks until something can be done or the deadline; nil after a stop.
    ///
    /// A chunk whose agency is busy does not wake the thread: the outcome that it waits for will.
    ///
    /// - Parameter busy: whether the agencies whose writers had an input are busy.
    private func waitForInputs(
        until deadline: ContinuousClock.Instant, _ busy: [AgencyID: Bool]
    ) -> Deque<Input>? {
        state.withLock { state in
            for (agency, isBusy) in busy {
                if isBusy { state.busy.insert(agency) } else { state.busy.remove(agency) }
            }
            // Also those that came while the thread worked.
            state.hasWork = state.inputs.contains(where: state.isDue)
        }
        let inputs = state.wait(until: deadline) { state -> Deque<Input>?? in
            if state.isStopped { return .some(nil) }
            guard state.hasWork else { return nil }
            return .some(state.takeInputs())
        }
        return inputs ?? state.withLock { $0.takeInputs() }
    }

    private func handle(_ inputs: Deque<Input>, _ core: inout StreamCore) {
        let now = Instant(milliseconds: clock())
        core.begin(at: now) { [self] in append($0) }
        for input in inputs { core.handle(input) }
        core.finish()
        guard let changes = core.takeChanges() else { return }
        state.withLock { state in
            for (agency, standing) in changes.standings { state.standings.set(standing, of: agency) }
            state.cutOff = changes.cutOff
            state.isEnding = changes.isEnding
            state.oldest = changes.oldest
        }
    }
}
