import NIOCore
import Shared

/// The moving parts of the ingest service, started together and stopped in the reverse order.
struct RunningIngest {
    let committer: LedgerCommitter
    let consultations: DialectConsultations
    private let committerThread: NamedThread
    private let queue: ConnectionQueue
    private let workers: WorkerPool
    private let listener: IngestListener
    private let folder: DrawFolder
    private let log: EventLog

    /// Starts the committer, the workers, and last the listener.
    ///
    /// - Throws: what keeps the ledger or the port from opening. Nothing is left running then.
    init(
        configuration: ServiceConfiguration, contents: LedgerContents, published: DrawResult?, inbox: MainInbox,
        disk: any Disk, clock: @escaping @Sendable () -> UInt64, log: EventLog
    ) throws {
        let ingest = configuration.ingest
        folder = configuration.folder
        self.log = log
        if contents.end.tornBytes > 0 {
            log(.tornGroupCut(offset: contents.end.offset, bytes: contents.end.tornBytes))
        }
        let ledger = try OpenLedger(
            folder.ledger, contents: contents, on: disk, time: clock())
        log(
            .ledgerOpened(
                path: folder.ledger, bets: contents.standings.storedBets,
                isDirect: ledger.isDirect))
        // A sealed draw has the agencies of its seal, whatever the configuration says by now.
        let expected = Int(contents.standings.seal?.agencies ?? configuration.agencies)
        let latch = CompletionLatch(
            remaining: max(0, expected - contents.standings.finishedAgencies.count),
            onDone: { inbox.postAllFinished() })
        let observer = LedgerCommitter.Observer(
            agencyFinished: { agency in
                inbox.postFinished(agency)
                let remaining = latch.countDown()
                log(.agencyFinished(agency, remaining: remaining, expected: expected))
            },
            failed: { inbox.postFailure($0) })
        let budget = FrameBudget(byteCount: ingest.bufferBytes)
        let terms = WelcomeTerms(
            draw: folder.draw, maxFrameBytes: ingest.maxFrameBytes, window: ingest.window)
        let committer = LedgerCommitter(
            admission: Admission(terms: terms, standings: contents.standings), ledger: ledger,
            budget: budget, observer: observer, clock: clock, log: log)
        let queue = ConnectionQueue(capacity: ingest.queueCapacity)
        let consultations = DialectConsultations(log: log)
        if let published { consultations.publish(published) }
        self.consultations = consultations
        self.committer = committer
        self.queue = queue
        listener = try IngestListener(
            configuration.ingestPorts, maxConnections: ingest.queueCapacity, queue: queue, budget: budget,
            settings: IngestChannelHandler.Settings(
                window: ingest.window, maxFrameBytes: ingest.maxFrameBytes,
                helloDeadline: ingest.helloDeadline, frameDeadline: ingest.frameDeadline,
                idleDeadline: ingest.idleDeadline),
            draw: folder.draw, agencies: configuration.agencies)
        committerThread = NamedThread("committer") { committer.run() }
        workers = WorkerPool(
            count: ingest.workers,
            worker: IngestWorker(
                queue: queue, committer: committer, consultations: consultations, budget: budget, clock: clock,
                log: log))
        for port in listener.ports { log(.acceptConnections(port: port.name, address: port.listener.address)) }
    }

    /// Stops accepting, lets chunks in hand become durable and be answered, closes everything.
    ///
    /// Blocks under a second.
    func stop() {
        listener.stopAccepting()
        for port in listener.ports { log(.closed("port \(port.listener.address)")) }
        queue.shutDown()
        workers.join()
        log(.closed("workers"))
        committer.stop()
        committerThread.join()
        log(.closed("ledger \(folder.ledger)"))
        listener.close()
        log(.closed("connections"))
        log(.loopFinished)
    }
}

extension ServiceConfiguration {
    /// Port 1, and those of the dialects that carry bets.
    fileprivate var ingestPorts: [IngestListener.Port] {
        let native = IngestListener.Port(name: "ingest", key: "ingest.listen", endpoint: ingest.listen)
        return [native]
            + dialects.filter { !$0.isWinners }.map { port in
                IngestListener.Port(
                    name: port.name, key: "dialects.\(port.name)", endpoint: port.endpoint, dialect: port.dialect)
            }
    }
}
