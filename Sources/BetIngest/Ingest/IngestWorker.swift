import Connections
import Dialects
import Domain
import Shell
import WireProtocol

/// What a worker does in one turn: one item of one connection, checked and staged.
///
/// It waits for the queue and for nothing else: answers leave after the commit, without it.
///
/// Isolation: each worker thread runs ``run()`` of the same value; it has no state of its own.
struct IngestWorker: Sendable {
    let queue: ConnectionQueue
    let committer: LedgerCommitter
    let consultations: DialectConsultations
    let clock: @Sendable () -> UInt64
    let log: EventLog

    /// Serves connections until the queue is shut down.
    func run() {
        while let connection = queue.waitForNextConnection() {
            takeTurn(connection)
        }
    }

    /// One chunk of one connection; then the connection goes to the back of the queue.
    func takeTurn(_ connection: IngestConnection) {
        if let item = connection.takeItem(), !handle(item, of: connection) { return }
        endTurn(connection)
    }

    /// The connection goes to the back of the queue, if it has more to say.
    func endTurn(_ connection: IngestConnection) {
        if connection.endTurn() { queue.put([connection]) }
    }

    /// - Returns: whether the turn ends here; else it ends when the committer has answered.
    private func handle(_ item: IngestConnection.Item, of connection: IngestConnection) -> Bool {
        let today = Birthdate(unixMilliseconds: clock())
        let action = connection.receive(item, today: today)
        // The memory of a chunk stays reserved until the group has its bytes, that of any other frame until here.
        var reservation: Reservation?
        if case .frame(let frame) = item { reservation = frame.reservation }
        switch action {
        case .admit(let chunk, let agency):
            return committer.stage(CheckedChunk(chunk, today: today, reservation), agency: agency, from: connection)
        case .number(let chunk, let agency):
            committer.number(CheckedChunk(chunk, fault: nil, reservation), agency: agency, from: connection)
        case .join(let agency, let tellsStream):
            committer.join(agency, tellsStream: tellsStream, connection)
        case .finish(let agency):
            committer.finish(agency, reply: .finished, from: connection)
        case .consult(let agency, let finishes, let waits):
            if finishes { committer.finish(agency, reply: nil, from: connection) }
            committer.afterwards { consultations.consult(agency, from: connection, waits: waits) }
        case .askDrawn:
            committer.afterwards { consultations.askDrawn(from: connection) }
        case .answer(let answer, let complaint):
            committer.answer(answer, connection, complaint.map { Self.event($0, peer: connection.peer) })
        case .fail(let code, let text, let agency):
            log(.messageFailed(peer: connection.peer, reason: text))
            committer.leave(agency, connection, with: .error(code, text))
        case .leave(let agency):
            committer.leave(agency, connection, with: nil)
            committer.afterwards { consultations.leave(connection) }
        case .ignore:
            break
        }
        return true
    }

    private static func event(_ complaint: Complaint, peer: String) -> LogEvent {
        if let bets = complaint.bets {
            return .chunkRefused(count: bets, agency: complaint.agency, peer: peer, reason: complaint.reason)
        }
        return .messageFailed(peer: peer, reason: complaint.reason)
    }
}
