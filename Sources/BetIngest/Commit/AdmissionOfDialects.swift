import Dialects
import Domain
import Ledger
import Logging
import Shell
import WireProtocol

extension Admission {
    /// A chunk of a dialect has come and been checked: it takes the agency's next sequence, and its connection speaks for
    /// the agency from now on.
    mutating func number(
        _ checked: CheckedChunk, agency: AgencyID, from connection: IngestConnection
    ) -> [StagedEntry] {
        let chunk = checked.chunk
        // Its agency speaks on another connection by now: what was still in line here is dropped, unanswered.
        guard !superseded.contains(ObjectIdentifier(connection)) else { return [] }
        let standing = standings[agency]
        if chunk.count == 0, standing.isFinished {
            // An empty last chunk, once more: its answer was lost.
            return [.answer(Answer(.stored(isLast: true)), connection, nil)]
        }
        guard !isSealed, standing.place(of: standing.nextSequence) == .next else {
            let reason = closedReason(agency)
            return [
                .answer(
                    Answer(.rejected(badBets: chunk.count, reason: reason)), connection,
                    .chunkRefused(count: chunk.count, agency: agency, peer: connection.peer, reason: reason))
            ]
        }
        var entries: [StagedEntry] = []
        let isNew = owners[agency] !== connection
        if isNew {
            entries = takeOver(agency, connection)
            if standing.nextSequence > 1 {
                let isUsual = connection.dialect?.isOneMessagePerConnection == true
                let event = LogEvent.agencyReconnected(
                    agency, peer: connection.peer, storedBets: standing.storedBets,
                    level: isUsual ? .debug : senders.sentOneChunk(agency) ? .info : .warning)
                entries.append(.settlement(.log(event)))
            }
        }
        unplaced.remove(agency)
        let earlierPlace = senders.place(of: agency)
        senders.sent(agency, from: connection.place, isNewConnection: isNew)
        // It has moved: the ENDs that wait where it was may be enough now.
        if let earlierPlace, earlierPlace != connection.place { entries += finishWaiting(at: earlierPlace) }
        entries.append(
            stage(
                checked, agency, connection, sequence: standing.nextSequence,
                answer: .reply(.stored(isLast: chunk.isLast))))
        return entries
    }

    /// An agency of a dialect says that it has sent all: an empty last chunk, unless it has finished already.
    ///
    /// - Parameters:
    ///   - named: nil if neither the message nor its connection names the agency; then it is one whose bets came from the
    ///     same address.
    ///   - reply: nil where another entry answers.
    mutating func finish(
        _ named: AgencyID?, reply: DialectReply?, from connection: IngestConnection
    ) -> [StagedEntry] {
        guard !superseded.contains(ObjectIdentifier(connection)) else { return [] }
        guard let agency = named else { return finishNameless(reply: reply, from: connection) }
        if let owner = owners[agency], !connection.maySpeak(for: agency, insteadOf: owner) {
            return reject(
                "agency \(agency) is sending on another connection: only there it can say that all is sent",
                reply: reply, connection)
        }
        var entries = close(agency, answer: reply.map(RecordAnswer.reply) ?? .none, connection)
        if entries.isEmpty, let reply { entries = [.answer(Answer(reply), connection, nil)] }
        // Fewer agencies are left at its place: the ENDs that wait there may be enough now.
        if let place = senders.place(of: agency) { entries += finishWaiting(at: place) }
        return entries
    }

    /// An END that names no agency.
    ///
    /// Where several agencies at its address have not finished, it waits until as many ENDs wait as there are such
    /// agencies: then all of them have.
    private mutating func finishNameless(reply: DialectReply?, from connection: IngestConnection) -> [StagedEntry] {
        guard unplaced.isEmpty else {
            return reject(
                "the message names no agency, and after the restart \(unplaced.count) have not been heard of again",
                reply: reply, connection)
        }
        let place = connection.place
        guard !namelessAgencies(at: place).isEmpty else {
            guard senders.finishedAgency(at: place) != nil else {
                return reject(
                    "the message names no agency, and none has sent bets from \(connection.address)", reply: reply,
                    connection)
            }
            return reply.map { [.answer(Answer($0), connection, nil)] } ?? []
        }
        if waitingEnds[place]?.contains(where: { $0 === connection }) == true {
            return reject("an END of this connection waits already", reply: reply, connection)
        }
        waitingEnds[place, default: []].append(connection)
        return [.answer(Answer(.parked), connection, nil)] + finishWaiting(at: place)
    }

    /// The unfinished agencies whose END from a place may name nobody: not those that stream on a connection of theirs,
    /// which is the only one that can end them.
    private func namelessAgencies(at place: String) -> [AgencyID] {
        senders.unfinished(at: place).filter { owners[$0] == nil || senders.sentOneChunk($0) }.sorted()
    }

    private mutating func finishWaiting(at place: String) -> [StagedEntry] {
        guard let waiting = waitingEnds[place] else { return [] }
        let agencies = namelessAgencies(at: place)
        guard waiting.count >= agencies.count else { return [] }
        waitingEnds[place] = nil
        var entries: [StagedEntry] = []
        for (agency, connection) in zip(agencies, waiting) {
            entries += close(agency, answer: .none, connection)
        }
        for connection in waiting {
            entries.append(.answer(Answer(.reply(.finished), wasParked: true), connection, nil))
        }
        return entries
    }

    /// Stages an agency's empty last chunk; nothing if it has finished or the draw is closed.
    private mutating func close(
        _ agency: AgencyID, answer: RecordAnswer, _ connection: IngestConnection
    ) -> [StagedEntry] {
        unplaced.remove(agency)
        senders.finished(agency)
        let sequence = standings[agency].nextSequence
        guard !isSealed, standings[agency].place(of: sequence) == .next else { return [] }
        var builder = BetColumnsBuilder()
        let last = CheckedChunk(builder.takeChunk(sequence: sequence, isLast: true), fault: nil)
        return [stage(last, agency, connection, answer: answer)]
    }

    private func reject(_ reason: String, reply: DialectReply?, _ connection: IngestConnection) -> [StagedEntry] {
        let event = LogEvent.messageFailed(peer: connection.peer, reason: reason)
        guard reply != nil else { return [.settlement(.log(event))] }
        return [.answer(Answer(.rejected(badBets: 0, reason: reason)), connection, event)]
    }
}

extension IngestConnection {
    /// Whether this connection may end an agency's stream although another one has carried it: programs with a connection
    /// for each message do, from the same address and in the same dialect.
    fileprivate func maySpeak(for agency: AgencyID, insteadOf owner: IngestConnection) -> Bool {
        owner === self || dialect != nil && owner.place == place
    }
}
