import Logging
import Shared

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
        senders.sent(agency, from: connection.place, isNewConnection: isNew)
        entries.append(
            stage(
                checked, agency, connection, sequence: standing.nextSequence,
                answer: .reply(.stored(isLast: chunk.isLast))))
        return entries
    }

    /// An agency of a dialect says that it has sent all: an empty last chunk, unless it has finished already.
    ///
    /// - Parameters:
    ///   - named: nil where neither the message nor its connection names the agency; then it is the one whose bets came
    ///     from the same address.
    ///   - reply: nil where another entry answers.
    mutating func finish(
        _ named: AgencyID?, reply: DialectReply?, from connection: IngestConnection
    ) -> [StagedEntry] {
        guard !superseded.contains(ObjectIdentifier(connection)) else { return [] }
        guard let agency = named ?? (unplaced.isEmpty ? senders.sender(at: connection.place) : nil) else {
            let reason =
                unplaced.isEmpty
                ? "the message names no agency, and not exactly one has sent bets from \(connection.address)"
                : "the message names no agency, and after the restart \(unplaced.count) have not been heard of again"
            return [
                .answer(
                    Answer(.rejected(badBets: 0, reason: reason)), connection,
                    .messageFailed(peer: connection.peer, reason: reason))
            ]
        }
        unplaced.remove(agency)
        senders.finished(agency)
        let sequence = standings[agency].nextSequence
        guard !isSealed, standings[agency].place(of: sequence) == .next else {
            return reply.map { [.answer(Answer($0), connection, nil)] } ?? []
        }
        var builder = BetColumnsBuilder()
        let last = CheckedChunk(builder.takeChunk(sequence: sequence, isLast: true), fault: nil)
        return [stage(last, agency, connection, answer: reply.map(RecordAnswer.reply) ?? .none)]
    }
}
