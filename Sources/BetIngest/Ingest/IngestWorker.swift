import Shared

/// What a worker does in one turn: one item of one connection, checked and staged.
///
/// It waits for the queue and for nothing else: answers leave after the commit, without it.
///
/// Isolation: each worker thread runs ``run()`` of the same value; it has no state of its own.
struct IngestWorker: Sendable {
    let queue: ConnectionQueue
    let committer: LedgerCommitter
    let budget: FrameBudget
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
        if let item = connection.takeItem() {
            handle(item, of: connection)
        }
        if connection.endTurn() { queue.put([connection]) }
    }

    private func handle(_ item: IngestConnection.Item, of connection: IngestConnection) {
        let event = Self.event(item)
        let action = connection.receive(event)
        switch action {
        case .admit(let chunk, let agency):
            // The frame's bytes stay reserved until its record is durable.
            let fault = Self.check(chunk, today: Birthdate(unixMilliseconds: clock()))
            committer.stage(chunk, fault: fault, agency: agency, from: connection)
            return
        case .join(let agency):
            committer.join(agency, connection)
        case .fail(let code, let text, let agency):
            log(.messageFailed(peer: connection.peer, reason: text))
            committer.leave(agency, connection, with: .error(code, text))
        case .leave(let agency):
            committer.leave(agency, connection, with: nil)
        case .ignore:
            break
        }
        if case .frame(let frame) = item { budget.release(frame.count) }
    }

    private static func event(_ item: IngestConnection.Item) -> IngestSession.Event {
        switch item {
        case .frame(let frame):
            do throws(MessageFault) {
                return .message(try Message(frame: frame))
            } catch {
                return .malformed(error)
            }
        case .badLength(let length): return .badLength(length)
        case .expired(let what): return .expired(what)
        case .hungUp: return .hungUp
        }
    }

    private static func check(_ chunk: Chunk, today: Birthdate) -> ChunkFault? {
        if chunk.count == 0, !chunk.isLast { return .noBets }
        do throws(ChunkFault) {
            try BetColumns(chunk.bets, count: chunk.count).check(today: today)
            return nil
        } catch {
            return error
        }
    }
}
