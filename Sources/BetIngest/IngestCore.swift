import Connections
import Ledger
import Shell
import Storage

/// The ingest service except threads and ports.
///
/// The service runs them on several threads (``RunningIngest``); the simulation steps through them on one.
struct IngestCore: Sendable {
    let desk: IngestDesk
    let budget: FrameBudget
    let worker: IngestWorker
    /// See ``DrawStandings/agencies(configured:)``.
    let agencies: UInt32

    /// Opens the ledger for appending; it records the version `program`.
    ///
    /// - Throws: ``LedgerError``.
    init(
        configuration: ServiceConfiguration, program: String, contents: LedgerContents, published: PublishedDraw?,
        inbox: MainInbox,
        disk: any Disk, clock: @escaping @Sendable () -> UInt64, log: EventLog
    ) throws(LedgerError) {
        let ingest = configuration.ingest
        let folder = configuration.folder
        if contents.end.tornBytes > 0 {
            log(.tornGroupCut(offset: contents.end.offset, bytes: contents.end.tornBytes))
        }
        let ledger = try OpenLedger(
            folder.ledger, contents: contents, on: disk, time: clock(),
            start: StartRecord(agencies: configuration.agencies, program: program))
        log(
            .ledgerOpened(
                path: folder.ledger, bets: contents.standings.storedBets,
                isDirect: ledger.isDirect))
        agencies = contents.standings.agencies(configured: configuration.agencies)
        let expected = Int(agencies)
        let queue = ConnectionQueue(capacity: ingest.queueCapacity)
        let latch = CompletionLatch(
            remaining: max(0, expected - contents.standings.finishedAgencies.count),
            onDone: { inbox.postAllFinished() })
        let observer = LedgerCommitter.Observer(
            agencyFinished: { agency in
                inbox.postFinished(agency)
                let remaining = latch.countDown()
                log(.agencyFinished(agency, remaining: remaining, expected: expected))
            },
            sealed: { inbox.postSealed($0) }, failed: { inbox.postFailure($0) })
        budget = FrameBudget(byteCount: ingest.bufferBytes, maxFrameBytes: ingest.maxFrameBytes)
        let terms = WelcomeTerms(
            draw: folder.draw, maxFrameBytes: ingest.maxFrameBytes, window: ingest.window)
        let committer = LedgerCommitter(
            admission: Admission(standings: contents.standings), ledger: ledger,
            observer: observer, clock: clock, namesBets: log.writesSuccess)
        let consultations = DialectConsultations()
        if let published { consultations.publish(published) }
        desk = IngestDesk(
            committer: committer, consultations: consultations, queue: queue, terms: terms, clock: clock, log: log)
        worker = IngestWorker(queue: queue)
    }
}
