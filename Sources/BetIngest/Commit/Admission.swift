import Domain
import Ledger
import WireProtocol

/// The decisions on requests: records durable or staged, and the connection that sends for each agency.
///
/// Pure.
///
/// Isolation: the committer's staging lock, so that entries are staged in the order of their decisions.
struct Admission {
    let draw: DrawID
    let agencies: DrawAgencies
    private(set) var standings: DrawStandings
    private(set) var owners: [AgencyID: any Requester] = [:]
    /// The origins of dialect agencies' chunks.
    var senders = ChunkSenders()
    /// Parked ENDs that name no agency, by origin: they wait until each unfinished agency of the origin has one.
    var waitingEnds: [String: [any Requester]] = [:]
    /// Recovered, unfinished agencies whose origin is not known yet.
    var awaitingOrigin: Set<AgencyID>
    /// Superseded connections that have not ended.
    private(set) var superseded: Set<ObjectIdentifier> = []
    /// Whether the seal is staged or durable.
    private(set) var isSealed: Bool
    /// The instant from which a chunk is late; nil for a draw without one.
    private(set) var cutOff: Instant?
    /// The time of the last decision: it never goes back, so a clock that is set back reopens nothing.
    private(set) var time: Instant

    /// - Parameter time: the newest time that is recorded for the draw.
    init(
        _ draw: DrawID, agencies: DrawAgencies, standings: DrawStandings, cutOff: Instant? = nil, time: Instant? = nil
    ) {
        self.draw = draw
        self.standings = standings
        self.agencies = agencies
        self.cutOff = cutOff
        self.time = max(standings.lastTime, time ?? standings.lastTime)
        isSealed = standings.seal != nil
        awaitingOrigin = Set(standings.standings.filter { !$0.value.isFinished }.keys)
    }

    /// Whether the draw takes no more chunks: it is sealed, or its cut-off has passed.
    var isClosed: Bool { isSealed || cutOff.map { time >= $0 } == true }

    /// Decides on a request and appends the resulting entries.
    ///
    /// - Parameter now: the server's clock.
    /// - Returns: whether the connection may have another turn; after a repetition it must wait for the answer.
    mutating func apply(
        _ request: Request, from requester: any Requester, at now: Instant, to entries: inout StagedEntries
    ) -> Bool {
        time = max(time, now)
        switch request {
        case .join(let agency, let version):
            awaitingOrigin.remove(agency)
            takeOver(agency, requester, &entries)
            let joined = Joined(
                draw: draw, agency: agency, standing: standings[agency], version: version,
                cutOff: standings.seal?.instant ?? cutOff, time: time)
            entries.append(.decided(.joined(joined), requester))
        case .chunk(let checked, let agency):
            return admit(checked, agency, requester, &entries)
        case .unnumberedChunk(let checked, let agency):
            admitUnnumbered(checked, agency, requester, &entries)
        case .finish(let agency):
            finish(agency, isAnswered: true, requester, &entries)
        case .consult(let draw, let agency, let finishes, let waits):
            if finishes { finish(agency, isAnswered: false, requester, &entries) }
            entries.append(.decided(.consult(draw, agency, waits: waits), requester))
        case .askDrawn:
            entries.append(.decided(.askDrawn(draw), requester))
        case .answer(let decision):
            entries.append(.decided(decision, requester))
        case .leave(let agency, let decision):
            release(agency, requester)
            entries.append(.decided(decision, requester))
        }
        return true
    }

    /// Closes the draw: nothing new is admitted afterwards.
    ///
    /// Does nothing to a draw that is sealed, or whose cut-off has not passed if that is the reason.
    mutating func seal(_ reason: SealRecord.Reason, at now: Instant, to entries: inout StagedEntries) {
        guard !isSealed else { return }
        time = max(time, now)
        if reason == .cutOff, !isClosed { return }
        let instant = reason == .cutOff ? cutOff ?? time : time
        let record = SealRecord(reason, at: instant, of: standings, agencies: agencies)
        isSealed = true
        standings.apply(record)
        entries.append(.seal(record, time))
        rejectWaitingEnds(&entries)
    }

    /// Moves the cut-off.
    ///
    /// - Returns: false if the draw is closed, or if the new cut-off has passed.
    mutating func moveCutOff(to cutOff: Instant, at now: Instant) -> Bool {
        time = max(time, now)
        guard !isClosed, cutOff > time else { return false }
        self.cutOff = cutOff
        return true
    }

    /// Supersedes the agency's previous sender.
    mutating func takeOver(_ agency: AgencyID, _ requester: any Requester, _ entries: inout StagedEntries) {
        guard let previous = owners.updateValue(requester, forKey: agency), previous !== requester else { return }
        superseded.insert(ObjectIdentifier(previous))
        entries.append(.decided(.superseded(agency), previous))
    }

    /// Releases every connection: nothing is delivered any more.
    mutating func releaseAll() {
        owners = [:]
        waitingEnds = [:]
    }

    private mutating func release(_ agency: AgencyID?, _ requester: any Requester) {
        if let agency, owners[agency] === requester { owners[agency] = nil }
        superseded.remove(ObjectIdentifier(requester))
        if let waiting = waitingEnds[requester.origin]?.filter({ $0 !== requester }) {
            waitingEnds[requester.origin] = waiting.isEmpty ? nil : waiting
        }
    }

    private mutating func admit(
        _ checked: CheckedChunk, _ agency: AgencyID, _ requester: any Requester, _ entries: inout StagedEntries
    ) -> Bool {
        // Its chunks in flight get no answer.
        guard owners[agency] === requester else { return true }
        let chunk = checked.chunk
        func rejectClosed() -> StagedEntry {
            .decided(
                .notRecorded(
                    NotRecorded(agency, sequence: chunk.sequence, count: chunk.count, closure(of: agency))), requester)
        }
        switch standings[agency].verdict(on: chunk.sequence) {
        case .repeated:
            let repetition = Repetition(
                chunk: chunk, agency: agency, requester: requester, reservation: checked.reservation)
            entries.append(.repeated(repetition))
            return false
        case .next where isClosed, .gap where isClosed:
            entries.append(rejectClosed())
        case .gap:
            owners[agency] = nil
            let gap = NotRecorded(
                agency, sequence: chunk.sequence, count: chunk.count, insteadOf: standings[agency].nextSequence)
            entries.append(.decided(.gap(gap), requester))
        case .afterLast:
            entries.append(rejectClosed())
        case .next:
            stageRecord(checked, agency, sequence: chunk.sequence, answers: .chunk, requester, &entries)
        }
        return true
    }

    /// Returns why an agency can add nothing more.
    func closure(of agency: AgencyID) -> Closure {
        Closure(agency, standings[agency], end: standings.seal?.reason, cutOff: cutOff, at: time)
    }

    /// Counts a chunk with the agency's next sequence and stages its record.
    mutating func stageRecord(
        _ checked: CheckedChunk, _ agency: AgencyID, sequence: UInt32, answers message: RecordedChunk.Message,
        _ requester: any Requester, _ entries: inout StagedEntries
    ) {
        let record = StagedRecord(checked, agency: agency, sequence: sequence, time: time, answers: message)
        standings.apply(record.kind, agency: agency, count: checked.betCount, bets: checked.bets, at: time)
        entries.append(.record(record, requester))
    }
}
