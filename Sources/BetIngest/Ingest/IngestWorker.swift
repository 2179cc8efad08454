/// A worker: takes one event of one connection at a time, checks it and stages it.
///
/// Isolation: each worker thread calls ``run()`` on the same value, which has no mutable state.
struct IngestWorker: Sendable {
    let queue: ConnectionQueue

    /// Runs until the queue is shut down.
    func run() {
        while let connection = queue.waitForNextConnection() {
            takeTurn(connection)
        }
    }

    /// Handles one event; queues the connection again if it may continue and has more events.
    func takeTurn(_ connection: IngestConnection) {
        if connection.takeTurn() { connection.finishTurn() }
    }
}
