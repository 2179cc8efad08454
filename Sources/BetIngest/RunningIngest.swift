import Connections
import Identity
import Ledger
import NIOCore
import Platform
import Shell
import TLS

/// The threads and ports of the ingest service, started together and stopped in the reverse order.
struct RunningIngest {
    private let core: IngestCore
    private let clock: DrawClock
    private let clockThread: NamedThread
    private let workers: WorkerPool
    private let listener: IngestListener
    private let log: EventLog

    /// Starts the ports, the clock and the workers.
    ///
    /// - Throws: if a port cannot be opened. Then nothing is left running.
    init(_ core: IngestCore, configuration: ServiceConfiguration, clock: DrawClock, tls: ServerTLS?, log: EventLog)
        throws
    {
        self.core = core
        self.clock = clock
        self.log = log
        let ingest = configuration.ingest
        listener = try IngestListener(
            configuration.ingestPorts(core), loops: ingest.loops,
            connections: core.connections, ends: core.ends, queue: core.desk.queue, budget: core.budget,
            secure: tls.map { .init($0, gate: core.desk.gate, deadline: ingest.helloDeadline, log: log) }, log: log)
        clockThread = NamedThread("clock") { clock.run() }
        workers = WorkerPool(count: ingest.workers, worker: core.worker)
        for port in listener.ports { log(.acceptConnections(port: port.name, address: port.listener.address)) }
    }

    /// Stops accepting, commits and answers the chunks in hand, and closes everything.
    ///
    /// Blocks for less than a second.
    ///
    /// - Parameter closeLedgers: commits and answers what is staged, and closes the ledgers.
    func stop(closeLedgers: () -> Void) {
        listener.stopAccepting()
        for port in listener.ports { log(.closed("port \(port.listener.address)")) }
        core.desk.queue.shutDown()
        workers.join()
        log(.closed("workers"))
        clock.stop()
        clockThread.join()
        closeLedgers()
        listener.close()
        log(.closed("connections"))
        log(.loopFinished)
    }
}

extension ServiceConfiguration {
    /// Returns port 1 and the dialects that carry bets.
    fileprivate func ingestPorts(_ core: IngestCore) -> [(port: IngestPort, endpoint: Endpoint)] {
        let dialects = dialects.filter { !$0.isWinners }
        return ([(nil, ingest.listen)] + dialects.map { ($0.dialect, $0.endpoint) }).map { dialect, endpoint in
            (IngestPort(self, dialect: dialect, desk: core.desk, ends: core.ends), endpoint)
        }
    }
}
