import Domain
import Ledger
import WireProtocol

/// The decisions on requests: records durable or staged, and the connection that sends for each agency.
///
/// Pure.
///
/// Isolation: the committer's staging lock, so that entries are staged in the order of their decisions.
struct Admission {
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

    init(standings: DrawStandings) {
        self.standings = standings
        isSealed = standings.seal != nil
        awaitingOrigin = Set(standings.standings.filter { !$0.value.isFinished }.keys)
    }

    /// Decides on a request.
    ///
    /// - Returns: whether the connection may have another turn; after a repetition it must wait for the answer.
    mutating func apply(_ request: Request, from requester: any Requester, to entries: inout StagedEntries) -> Bool {
        switch request {
        case .join(let agency, let tellsStream):
            awaitingOrigin.remove(agency)
            takeOver(agency, requester, &entries)
            entries.append(.decided(.joined(agency, standings[agency], tellsStream: tellsStream), requester))
        case .chunk(let checked, let agency):
            return admit(checked, agency, requester, &entries)
        case .unnumberedChunk(let checked, let agency):
            admitUnnumbered(checked, agency, requester, &entries)
        case .finish(let agency):
            finish(agency, isAnswered: true, requester, &entries)
        case .consult(let agency, let finishes, let waits):
            if finishes { finish(agency, isAnswered: false, requester, &entries) }
            entries.append(.decided(.consult(agency, waits: waits), requester))
        case .askDrawn:
            entries.append(.decided(.askDrawn, requester))
        case .answer(let decision):
            entries.append(.decided(decision, requester))
        case .leave(let agency, let decision):
            release(agency, requester)
            entries.append(.decided(decision, requester))
        }
        return true
    }

    /// Stages the seal: nothing new is admitted afterwards.
    mutating func seal(_ record: SealRecord, to entries: inout StagedEntries) {
        isSealed = true
        standings.apply(record)
        entries.append(.seal(record))
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
        func notRecorded(_ code: RejectionCode, _ reason: String) -> NotRecorded {
            NotRecorded(agency: agency, sequence: chunk.sequence, count: chunk.count, code: code, reason: reason)
        }
        switch standings[agency].verdict(on: chunk.sequence) {
        case .repeated:
            let repetition = Repetition(
                chunk: chunk, agency: agency, requester: requester, reservation: checked.reservation)
            entries.append(.repeated(repetition))
            return false
        case .next where isSealed, .gap where isSealed:
            entries.append(.decided(.notRecorded(notRecorded(.drawClosed, closedReason(agency))), requester))
        case .gap:
            owners[agency] = nil
            let next = standings[agency].nextSequence
            let reason =
                next == .max
                ? "agency \(agency) has used all its sequences"
                : "the chunk has sequence \(chunk.sequence), but the next sequence is \(next)"
            entries.append(.decided(.gap(notRecorded(.drawClosed, reason)), requester))
        case .afterLast:
            let code: RejectionCode = isSealed ? .drawClosed : .agencyFinished
            entries.append(.decided(.notRecorded(notRecorded(code, closedReason(agency))), requester))
        case .next:
            stageRecord(checked, agency, sequence: chunk.sequence, answers: .chunk, requester, &entries)
        }
        return true
    }

    /// Returns why an agency can add nothing more.
    func closedReason(_ agency: AgencyID) -> String {
        if isSealed { return "draw closed: the ledger is sealed" }
        return standings[agency].isFinished
            ? "agency \(agency) has sent its last chunk" : "agency \(agency) has used all its sequences"
    }

    mutating func stageRecord(
        _ checked: CheckedChunk, _ agency: AgencyID, sequence: UInt32, answers message: RecordedChunk.Message,
        _ requester: any Requester, _ entries: inout StagedEntries
    ) {
        let record = StagedRecord(checked, agency: agency, sequence: sequence, answers: message)
        standings.apply(record.kind, agency: agency, count: checked.betCount, bets: checked.bets)
        entries.append(.record(record, requester))
    }
}
