import Domain
import Ledger
import Shell
import WireProtocol

/// What has been let into the draw: everything that is durable or staged to become so, and which connection speaks for
/// which agency.
///
/// Pure; decides what each arrival becomes.
///
/// Isolation: under the committer's staging lock, so that decision and order of staging are one.
struct Admission {
    private let terms: WelcomeTerms
    private(set) var standings: DrawStandings
    private(set) var owners: [AgencyID: IngestConnection] = [:]
    /// Where the chunks of dialects came from.
    var senders = ChunkSenders()
    /// ENDs that name no agency, by place, until as many wait as agencies there have not finished.
    var waitingEnds: [String: [IngestConnection]] = [:]
    /// Unfinished agencies of the ledger that was found, while nobody knows where they send from.
    var unplaced: Set<AgencyID>
    /// Connections that were taken over and have not gone yet.
    private(set) var superseded: Set<ObjectIdentifier> = []
    /// The seal is staged: nothing new enters.
    private(set) var isSealed: Bool

    init(terms: WelcomeTerms, standings: DrawStandings) {
        self.terms = terms
        self.standings = standings
        isSealed = standings.seal != nil
        unplaced = Set(standings.standings.filter { !$0.value.isFinished }.keys)
    }

    /// A connection speaks for an agency from now on; the one that did before is closed.
    ///
    /// - Parameter tellsStream: the agency's version of the protocol has the stream's record in WELCOME.
    mutating func join(_ agency: AgencyID, tellsStream: Bool, _ connection: IngestConnection) -> [StagedEntry] {
        unplaced.remove(agency)
        let standing = standings[agency]
        let welcome = StagedEntry.answer(
            Answer(.welcome(terms.welcome(standing, tellsStream: tellsStream))), connection,
            .agencyJoined(agency, peer: connection.peer, nextSequence: standing.nextSequence))
        return takeOver(agency, connection) + [welcome]
    }

    /// - Returns: the final answer to the connection that spoke for the agency before, if one did.
    mutating func takeOver(_ agency: AgencyID, _ connection: IngestConnection) -> [StagedEntry] {
        guard let previous = owners.updateValue(connection, forKey: agency), previous !== connection else { return [] }
        superseded.insert(ObjectIdentifier(previous))
        let text = "another connection of agency \(agency) has taken over"
        return [
            .answer(
                Answer(.error(.superseded, text), closes: true), previous,
                .agencySuperseded(agency, peer: previous.peer))
        ]
    }

    /// Releases a connection; its answer, if there is one, is final.
    mutating func leave(
        _ agency: AgencyID?, _ connection: IngestConnection, with message: Message?
    ) -> StagedEntry {
        if let agency, owners[agency] === connection { owners[agency] = nil }
        superseded.remove(ObjectIdentifier(connection))
        if let waiting = waitingEnds[connection.place]?.filter({ $0 !== connection }) {
            waitingEnds[connection.place] = waiting.isEmpty ? nil : waiting
        }
        return .answer(Answer(message.map(Answer.Content.message) ?? .nothing, closes: true), connection, nil)
    }

    /// A chunk has come and been checked.
    ///
    /// - Returns: nil where the connection no longer speaks for the agency.
    mutating func admit(
        _ checked: CheckedChunk, agency: AgencyID, from connection: IngestConnection
    ) -> StagedEntry? {
        let chunk = checked.chunk
        guard owners[agency] === connection else { return nil }
        let place = standings[agency].place(of: chunk.sequence)
        switch place {
        case .repeated:
            return .settlement(
                .repeated(
                    Repetition(
                        chunk: chunk, agency: agency, connection: connection, reservation: checked.reservation)))
        case .next where isSealed, .gap where isSealed:
            return refuse(chunk, .drawClosed, closedReason(agency), agency, connection)
        case .gap:
            owners[agency] = nil
            let next = standings[agency].nextSequence
            let text =
                next == .max
                ? "agency \(agency) has used all its sequences"
                : "sequence \(chunk.sequence); \(next) is the next one"
            return .answer(
                Answer(.error(.sequenceGap, text), closes: true), connection,
                .betsRejected(
                    count: chunk.count, agency: agency, sequence: chunk.sequence, reason: text))
        case .afterLast:
            let code: RejectionCode = isSealed ? .drawClosed : .agencyFinished
            return refuse(chunk, code, closedReason(agency), agency, connection)
        case .next:
            return stage(checked, agency, connection)
        }
    }

    func closedReason(_ agency: AgencyID) -> String {
        if isSealed { return "draw closed: nothing enters a sealed ledger" }
        return standings[agency].isFinished
            ? "agency \(agency) has sent its last chunk" : "agency \(agency) has used all its sequences"
    }

    /// Closes the draw: from here on nothing new is admitted.
    mutating func seal(_ record: SealRecord) {
        isSealed = true
        standings.apply(record)
    }

    /// Counts a chunk in that has the agency's next sequence.
    ///
    /// - Parameter sequence: the agency's next one; the chunk's own is that in the native protocol.
    mutating func stage(
        _ checked: CheckedChunk, _ agency: AgencyID, _ connection: IngestConnection,
        sequence: UInt32? = nil, answer: RecordAnswer = .message
    ) -> StagedEntry {
        let record = StagedRecord(
            checked, agency: agency, sequence: sequence ?? checked.chunk.sequence, answer: answer)
        standings.apply(record.kind, agency: agency, count: checked.betCount, bets: checked.bets)
        return .record(record, connection.answers)
    }

    private func refuse(
        _ chunk: Chunk, _ code: RejectionCode, _ text: String, _ agency: AgencyID,
        _ connection: IngestConnection
    ) -> StagedEntry {
        .answer(
            Answer(
                .chunkRejected(
                    ChunkRejected(
                        sequence: chunk.sequence, code: code, betIndex: 0, message: text))),
            connection,
            .betsRejected(
                count: chunk.count, agency: agency, sequence: chunk.sequence, reason: text))
    }
}

/// What WELCOME says to every agency alike.
struct WelcomeTerms: Sendable {
    let draw: DrawID
    let maxFrameBytes: Int
    let window: Int

    func welcome(_ standing: AgencyStanding, tellsStream: Bool) -> Welcome {
        Welcome(
            nextSequence: standing.nextSequence, storedBets: standing.storedBets,
            rejectedBets: standing.rejectedBets, maxFrameBytes: UInt32(maxFrameBytes),
            window: UInt16(window), isFinished: standing.isFinished, draw: draw.name,
            stream: tellsStream ? standing.stream : nil)
    }
}
