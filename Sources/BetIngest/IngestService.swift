import Ledger
import NIOCore
import Platform
import Shell
import Storage

/// The ingest service from start to exit.
///
/// Isolation: the main thread.
struct IngestService {
    let configuration: ServiceConfiguration
    let log: EventLog
    /// The program's version, which the ledger records.
    let program: String
    let exitAfterDraw: Bool
    /// Whether a draw without a ledger is an error: the volume with the data may not be mounted.
    let expectsLedger: Bool
    let inbox: MainInbox
    let disk: any Disk
    let clock: @Sendable () -> UInt64

    private var folder: DrawFolder { configuration.folder }

    /// Serves until a stop signal, a fatal error, or the publication with `exitAfterDraw`.
    ///
    /// Blocks.
    func run() throws {
        log(.config(configuration.values))
        try disk.makeFolder(folder.path)
        for parent in [parentFolder(of: folder.data), folder.data, folder.data + "/draws"] {
            try disk.syncFolder(parent)
        }
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
        guard case (let running, var lifecycle)? = try start() else {
            log(.stopRequested(by: inbox.stopSignal ?? ""))
            return
        }
        SystemCall.forgetStartupPages()
        let outcome = Result { try serve(&lifecycle) }
        running.stop()
        try outcome.get()
        if let failure = inbox.failure { throw failure }  // A commit failed while everything was closed.
    }

    /// Releases what recovery read: a shared index of chunks would be copied when the first new chunk is appended.
    private func start() throws -> (RunningIngest, DrawLifecycle)? {
        let recovery = try DrawRecovery(
            folder, agencies: configuration.agencies, expectsLedger: expectsLedger, on: disk, time: clock()
        ) {
            inbox.isStopping
        }
        guard let recovery else { return nil }
        let core = try IngestCore(
            configuration: configuration, program: program, contents: recovery.contents,
            published: recovery.published, inbox: inbox, disk: disk, clock: clock, log: log)
        let running = try RunningIngest(core, configuration: configuration, log: log)
        let lifecycle = DrawLifecycle(
            folder: folder, winningNumber: configuration.winningNumber, agencies: core.agencies, recovery: recovery,
            committer: core.desk.committer, consultations: core.desk.consultations, disk: disk, log: log,
            isStopping: { inbox.isStopping })
        return (running, lifecycle)
    }

    private func serve(_ lifecycle: inout DrawLifecycle) throws {
        while !(lifecycle.isPublished && exitAfterDraw) {
            switch inbox.waitForNextEvent() {
            case .failed(let error):
                throw error
            case .stop(let signal):
                log(.stopRequested(by: signal))
                return
            case .agenciesFinished(let agencies):
                lifecycle.agenciesFinished(agencies)
            case .allAgenciesFinished:
                lifecycle.close()
            case .sealed(let seal):
                try lifecycle.draw(seal)
            }
        }
    }

    private func takeLock() throws -> FileLock {
        let holder = "bet-ingest, process \(SystemCall.processName()), on \(configuration.ingest.listen)"
        return try FileLock(folder.lock, holder: holder, deadline: .seconds(2)) { inbox.isStopping }
    }
}
