import NIOCore
import Shared

/// The ingest service from start to exit: opens everything in order, waits, draws, and closes everything in the reverse
/// order.
///
/// Isolation: the main thread.
struct IngestService {
    let configuration: ServiceConfiguration
    let log: EventLog
    let exitAfterDraw: Bool
    let inbox: MainInbox
    let disk: any Disk
    let clock: @Sendable () -> UInt64

    private var folder: DrawFolder { configuration.folder }

    /// Serves until a stop signal, a fatal fault, or the draw where it is to exit after it.
    ///
    /// Blocks.
    func run() throws {
        log(.config(configuration.values))
        try disk.makeFolder(folder.path)
        for parent in [folder.data, folder.data + "/draws"] { try disk.syncFolder(parent) }
        do {
            let lock = try takeLock()
            defer {
                withExtendedLifetime(lock) {}
                log(.closed("lock \(folder.lock)"))
            }
            try runLocked()
        } catch FileLockError.held where inbox.isStopping {
            log(.stopRequested(by: inbox.stopSignal ?? ""))
        }
    }

    private func runLocked() throws {
        guard let contents = try openLedger() else {
            log(.stopRequested(by: inbox.stopSignal ?? ""))
            return
        }
        try disk.syncFolder(folder.path)
        let published = try PublishedDraw(folder: folder, disk: disk).load(contents: contents)
        let running = try RunningIngest(
            configuration: configuration, contents: contents, published: published, inbox: inbox, disk: disk,
            clock: clock, log: log)
        let outcome = Result { try serve(running, contents: contents, published: published) }
        running.stop()
        try outcome.get()
        if let failure = inbox.failure { throw failure }  // while everything was closed
    }

    /// The main thread's loop: progress, the draw, the end.
    private func serve(
        _ running: RunningIngest, contents: LedgerContents, published: DrawResult?
    ) throws {
        var progress = DrawProgress(
            draw: folder.draw,
            state: published != nil ? .published : contents.standings.seal != nil ? .sealed : .open,
            expectedAgencies: configuration.agencies,
            finishedAgencies: contents.standings.finishedAgencies)
        try write(progress)
        var isPublished = published != nil
        while !(isPublished && exitAfterDraw) {
            switch inbox.waitForNextEvent() {
            case .failed(let error):
                throw error
            case .stop(let signal):
                log(.stopRequested(by: signal))
                return
            case .agenciesFinished(let agencies):
                progress.finishedAgencies = (progress.finishedAgencies + agencies).sorted()
                try write(progress)
            case .allAgenciesFinished:
                guard !isPublished, try draw(running, &progress) else { continue }
                isPublished = true
            }
        }
    }

    /// Seals, draws, publishes.
    ///
    /// - Returns: false where a stop or a failure came first; the next event says which.
    private func draw(_ running: RunningIngest, _ progress: inout DrawProgress) throws -> Bool {
        let seal = running.committer.seal(
            winningNumber: configuration.winningNumber, method: "configured",
            agencies: configuration.agencies)
        guard let seal else { return false }
        progress.state = .sealed
        try write(progress)
        let draw = Draw(folder: folder, disk: disk) { inbox.isStopping }
        guard let result = try draw.run(seal) else { return false }
        try DurableFile.replace(folder.result, with: result.fileBytes, on: disk)
        running.consultations.publish(result)
        progress.state = .published
        try write(progress)
        log(
            .drawn(
                number: result.winningNumber, bets: result.bets,
                winners: result.agencies.reduce(0) { $0 + $1.winners.count }))
        log(.published(path: folder.result))
        return true
    }

    /// Replaces progress.json where it says something else.
    private func write(_ progress: DrawProgress) throws {
        guard try DurableFile.read(folder.progress, on: disk) != progress.fileBytes else { return }
        try DurableFile.replace(folder.progress, with: progress.fileBytes, on: disk)
    }

    private func takeLock() throws -> FileLock {
        let holder = "bet-ingest, process \(SystemCall.processName()), on \(configuration.ingest.listen)"
        return try FileLock(folder.lock, holder: holder, deadline: .seconds(2)) { inbox.isStopping }
    }

    /// Reads the draw's ledger, or makes an empty one.
    ///
    /// - Returns: nil after a stop signal; nothing has been changed then.
    private func openLedger() throws -> LedgerContents? {
        if try DurableFile.exists(folder.ledger, on: disk) == false {
            let header = LedgerHeader(
                draw: folder.draw, ledgerID: .random(in: 1...UInt64.max), createdAt: clock())
            try LedgerWriter.create(at: folder.ledger, header: header, on: disk)
        }
        try disk.forgetCached(folder.ledger)
        let contents = try LedgerContents(reading: folder.ledger, on: disk) { _, _ in !inbox.isStopping }
        guard let contents else { return nil }
        guard contents.header.draw == folder.draw else {
            throw LedgerError.badHeader(
                path: folder.ledger,
                reason: "the ledger belongs to draw \(contents.header.draw), not \(folder.draw)")
        }
        let highest = contents.standings.standings.keys.max()?.rawValue ?? 0
        if highest > configuration.agencies {
            throw ConfigurationError([
                "agencies is \(configuration.agencies) and the ledger holds bets of agency "
                    + "\(highest); set agencies to \(highest) or more, or draw.id to another draw"
            ])
        }
        return contents
    }
}
