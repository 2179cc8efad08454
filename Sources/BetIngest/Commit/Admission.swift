import Domain
import Ledger
import WireProtocol

/// The order of the draw: everything that is durable or staged to become so, and which connection sends for which agency.
///
/// Pure; decides what each request becomes.
///
/// Isolation: the committer's staging lock, so that decision and order of staging are one.
struct Admission {
    private(set) var standings: DrawStandings
    private(set) var owners: [AgencyID: any Requester] = [:]
    /// The origins of dialect agencies' chunks.
    var senders = ChunkSenders()
    /// ENDs that name no agency, by origin, until as many wait as agencies there have not finished.
    var waitingEnds: [String: [any Requester]] = [:]
    /// Recovered, unfinished agencies whose origin is not known yet.
    var awaitingOrigin: Set<AgencyID>
    /// Connections that were taken over and have not ended yet.
    private(set) var superseded: Set<ObjectIdentifier> = []
    /// The seal is staged: nothing new enters.
    private(set) var isSealed: Bool

    init(standings: DrawStandings) {
        self.standings = standings
        isSealed = standings.seal != nil
        awaitingOrigin = Set(standings.standings.filter { !$0.value.isFinished }.keys)
    }

    /// Decides on a request and appends what it becomes.
    ///
    /// - Returns: whether the connection may have another turn; that of a repetition waits until it is answered.
    mutating func apply(_ request: Request, from requester: any Requester, to entries: inout StagedEntries) -> Bool {
        switch request {
        case .join(let agency, let tellsStream):
            awaitingOrigin.remove(agency)
            takeOver(agency, requester, &entries)
            entries.append(.decided(.joined(agency, standings[agency], tellsStream: tellsStream), requester))
        case .chunk(let checked, let agency):
            return admit(checked, agency, requester, &entries)
        case .unnumberedChunk(let checked, let agency):
            number(checked, agency, requester, &entries)
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
            leave(agency, requester)
            entries.append(.decided(decision, requester))
        }
        return true
    }

    /// Closes the draw: nothing new is admitted from here on.
    mutating func seal(_ record: SealRecord, to entries: inout StagedEntries) {
        isSealed = true
        standings.apply(record)
        entries.append(.seal(record))
    }

    /// Makes a connection send for the agency; the one that did before is closed.
    mutating func takeOver(_ agency: AgencyID, _ requester: any Requester, _ entries: inout StagedEntries) {
        guard let previous = owners.updateValue(requester, forKey: agency), previous !== requester else { return }
        superseded.insert(ObjectIdentifier(previous))
        entries.append(.decided(.superseded(agency), previous))
    }

    private mutating func leave(_ agency: AgencyID?, _ requester: any Requester) {
        if let agency, owners[agency] === requester { owners[agency] = nil }
        superseded.remove(ObjectIdentifier(requester))
        if let waiting = waitingEnds[requester.origin]?.filter({ $0 !== requester }) {
            waitingEnds[requester.origin] = waiting.isEmpty ? nil : waiting
        }
    }

    private mutating func admit(
        _ checked: CheckedChunk, _ agency: AgencyID, _ requester: any Requester, _ entries: inout StagedEntries
    ) -> Bool {
        // Taken over meanwhile: the connection gets no answer to what it had in flight.
        guard owners[agency] === requester else { return true }
        let chunk = checked.chunk
        func notRecorded(_ code: RejectionCode, _ reason: String) -> NotRecorded {
            NotRecorded(agency: agency, sequence: chunk.sequence, count: chunk.count, code: code, reason: reason)
        }
        switch standings[agency].place(of: chunk.sequence) {
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
                ? "agency \(agency) has used all its sequences" : "sequence \(chunk.sequence); \(next) is the next one"
            entries.append(.decided(.gap(notRecorded(.drawClosed, reason)), requester))
        case .afterLast:
            let code: RejectionCode = isSealed ? .drawClosed : .agencyFinished
            entries.append(.decided(.notRecorded(notRecorded(code, closedReason(agency))), requester))
        case .next:
            record(checked, agency, sequence: chunk.sequence, answers: .chunk, requester, &entries)
        }
        return true
    }

    /// The reason that nothing of an agency is admitted any more.
    func closedReason(_ agency: AgencyID) -> String {
        if isSealed { return "draw closed: nothing enters a sealed ledger" }
        return standings[agency].isFinished
            ? "agency \(agency) has sent its last chunk" : "agency \(agency) has used all its sequences"
    }

    /// Counts a chunk that has the agency's next sequence, and stages its record.
    mutating func record(
        _ checked: CheckedChunk, _ agency: AgencyID, sequence: UInt32, answers message: RecordedChunk.Message,
        _ requester: any Requester, _ entries: inout StagedEntries
    ) {
        let record = StagedRecord(checked, agency: agency, sequence: sequence, answers: message)
        standings.apply(record.kind, agency: agency, count: checked.betCount, bets: checked.bets)
        entries.append(.record(record, requester))
    }
}
