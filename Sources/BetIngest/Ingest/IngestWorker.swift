/// A worker's turn: one event of one connection, checked and staged.
///
/// It waits for the queue and for nothing else: answers leave after the commit, without it.
///
/// Isolation: each worker thread runs ``run()`` of the same value; it has no state of its own.
struct IngestWorker: Sendable {
    let queue: ConnectionQueue

    /// Serves connections until the queue is shut down.
    func run() {
        while let connection = queue.waitForNextConnection() {
            takeTurn(connection)
        }
    }

    /// One event of one connection; then the connection goes to the back of the queue.
    func takeTurn(_ connection: IngestConnection) {
        if connection.takeTurn() { connection.resume() }
    }
}
