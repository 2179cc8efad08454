import Platform

/// Worker threads, named `ingest-0` and up.
struct WorkerPool: Sendable {
    private let threads: [NamedThread]

    init(count: Int, worker: IngestWorker) {
        threads = (0..<count).map { number in
            NamedThread("ingest-\(number)") { worker.run() }
        }
    }

    /// Blocks until every worker has ended its turn.
    ///
    /// Shut down the queue first.
    func join() {
        for thread in threads { thread.join() }
    }
}
