import Domain
import Ledger
import WireProtocol

extension Admission {
    /// Assigns the next sequence, and makes the connection the agency's sender.
    mutating func admitUnnumbered(
        _ checked: CheckedChunk, _ agency: AgencyID, _ requester: any Requester, _ entries: inout StagedEntries
    ) {
        // Superseded: the connection's queued requests are dropped, unanswered.
        guard !superseded.contains(ObjectIdentifier(requester)) else { return }
        let standing = standings[agency]
        let count = checked.chunk.count
        if count == 0, standing.isFinished {
            // A repeated empty last chunk: its answer was lost.
            return entries.append(.decided(.nothingToRecord(isLast: true), requester))
        }
        guard !isClosed, standing.verdict(on: standing.nextSequence) == .next else {
            let rejected = NotRecorded(agency, sequence: 0, count: count, closure(of: agency))
            return entries.append(.decided(.notRecorded(rejected), requester))
        }
        let isNew = owners[agency] !== requester
        if isNew {
            takeOver(agency, requester, &entries)
            if standing.nextSequence > 1 {
                let kind: Reconnection =
                    requester.isOneMessagePerConnection ? .usual : senders.sentOneChunk(agency) ? .likely : .unexpected
                entries.append(
                    .decided(.reconnected(agency, storedBets: standing.storedBets, kind), requester))
            }
        }
        awaitingOrigin.remove(agency)
        let earlierOrigin = senders.origin(of: agency)
        senders.sent(agency, from: requester.origin, isNewConnection: isNew)
        // The agency has moved: the parked ENDs at its earlier origin may be enough now.
        if let earlierOrigin, earlierOrigin != requester.origin { finishWaiting(at: earlierOrigin, &entries) }
        stageRecord(checked, agency, sequence: standing.nextSequence, answers: .chunk, requester, &entries)
    }

    /// Stages an empty last chunk, unless the agency has already finished.
    ///
    /// - Parameters:
    ///   - named: nil if neither the message nor its connection names the agency; then it is an agency whose bets
    ///     arrived from the same origin.
    ///   - isAnswered: false if another decision answers the message.
    mutating func finish(
        _ named: AgencyID?, isAnswered: Bool, _ requester: any Requester, _ entries: inout StagedEntries
    ) {
        guard !superseded.contains(ObjectIdentifier(requester)) else { return }
        guard let agency = named else { return finishNameless(requester, &entries) }
        if let owner = owners[agency], !mayEnd(stream: owner, requester) {
            let reason = "agency \(agency) is sending on another connection: only that connection can finish it"
            return entries.append(.decided(.endRejected(reason: reason, isAnswered: isAnswered), requester))
        }
        let isRecorded = stageEnd(agency, answers: isAnswered ? .end : .none, requester, &entries)
        if !isRecorded, isAnswered {
            // An agency that has used all sequences can take no record, not even of its end.
            let decision: Decision =
                standings[agency].isFinished
                ? .finishedAlready : .endRejected(reason: closure(of: agency).reason, isAnswered: true)
            entries.append(.decided(decision, requester))
        }
        // Fewer agencies are left at its origin: the parked ENDs may be enough now.
        if let origin = senders.origin(of: agency) { finishWaiting(at: origin, &entries) }
    }

    /// Whether a connection may end the bets that another connection carried.
    ///
    /// Programs that open a connection for each message do so, from the same origin.
    private func mayEnd(stream owner: any Requester, _ requester: any Requester) -> Bool {
        owner === requester || !requester.origin.isEmpty && owner.origin == requester.origin
    }

    /// Decides on an END that names no agency.
    ///
    /// If several agencies of its origin are unfinished, it is parked until there is an END for each of them.
    private mutating func finishNameless(_ requester: any Requester, _ entries: inout StagedEntries) {
        func reject(_ reason: String) {
            entries.append(.decided(.endRejected(reason: reason, isAnswered: true), requester))
        }
        guard awaitingOrigin.isEmpty else {
            return reject(
                "the message names no agency; unfinished agencies that have not sent since the restart: "
                    + "\(awaitingOrigin.count)"
            )
        }
        let origin = requester.origin
        guard !namelessAgencies(at: origin).isEmpty else {
            guard senders.finishedAgency(at: origin) != nil else {
                return reject("the message names no agency, and none has sent bets from \(requester.address)")
            }
            return entries.append(.decided(.finishedAlready, requester))
        }
        if isClosed { return reject(closure(of: .none).reason) }
        if waitingEnds[origin]?.contains(where: { $0 === requester }) == true {
            return reject("an END of this connection is already parked")
        }
        waitingEnds[origin, default: []].append(requester)
        entries.append(.decided(.endParked, requester))
        finishWaiting(at: origin, &entries)
    }

    /// Returns the unfinished agencies that a nameless END from an origin may end.
    ///
    /// An agency that streams on its own connection is excluded: only that connection can end it.
    private func namelessAgencies(at origin: String) -> [AgencyID] {
        senders.unfinished(at: origin).filter { owners[$0] == nil || senders.sentOneChunk($0) }.sorted()
    }

    private mutating func finishWaiting(at origin: String, _ entries: inout StagedEntries) {
        guard let waiting = waitingEnds[origin] else { return }
        let agencies = namelessAgencies(at: origin)
        guard waiting.count >= agencies.count else { return }
        waitingEnds[origin] = nil
        if isClosed { return rejectEnds(waiting, &entries) }
        for (agency, requester) in zip(agencies, waiting) {
            _ = stageEnd(agency, answers: .none, requester, &entries)
        }
        for requester in waiting { entries.append(.decided(.parkedEndFinished, requester)) }
    }

    /// Rejects every parked END: the draw is closed, and its agencies have not finished.
    mutating func rejectWaitingEnds(_ entries: inout StagedEntries) {
        for waiting in waitingEnds.values { rejectEnds(waiting, &entries) }
        waitingEnds = [:]
    }

    private func rejectEnds(_ waiting: [any Requester], _ entries: inout StagedEntries) {
        for requester in waiting {
            entries.append(.decided(.parkedEndRejected(reason: closure(of: .none).reason), requester))
        }
    }

    /// Returns false if the agency has finished or the draw is closed.
    private mutating func stageEnd(
        _ agency: AgencyID, answers message: RecordedChunk.Message, _ requester: any Requester,
        _ entries: inout StagedEntries
    ) -> Bool {
        awaitingOrigin.remove(agency)
        let sequence = standings[agency].nextSequence
        guard !isClosed || standings[agency].isFinished else { return false }
        senders.finished(agency)
        guard standings[agency].verdict(on: sequence) == .next else { return false }
        var builder = BetColumnsBuilder()
        let last = CheckedChunk(builder.takeChunk(sequence: sequence, isLast: true), fault: nil)
        stageRecord(last, agency, sequence: sequence, answers: message, requester, &entries)
        return true
    }
}
