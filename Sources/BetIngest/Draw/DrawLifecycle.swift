import Domain
import Ledger
import Shell
import Storage

/// The states of a draw: open, sealed, published.
///
/// Each step is durable before the next one begins.
///
/// Isolation: the main thread. It blocks only on the disk; everything else arrives as an event.
struct DrawLifecycle {
    private let folder: DrawFolder
    private let winningNumber: UInt16
    private let committer: LedgerCommitter
    private let consultations: DialectConsultations
    private let agencies: UInt32
    private let disk: any Disk
    private let log: EventLog
    private let isStopping: () -> Bool
    private var progress: DrawProgress
    private(set) var isPublished: Bool

    /// Continues from the ledger and the result; `winningNumber` is for an unsealed ledger.
    init(
        folder: DrawFolder, winningNumber: UInt16, agencies: UInt32, recovery: DrawRecovery,
        committer: LedgerCommitter, consultations: DialectConsultations, disk: any Disk, log: EventLog,
        isStopping: @escaping () -> Bool
    ) {
        self.folder = folder
        self.winningNumber = winningNumber
        self.agencies = agencies
        self.committer = committer
        self.consultations = consultations
        self.disk = disk
        self.log = log
        self.isStopping = isStopping
        let seal = recovery.contents.standings.seal
        isPublished = recovery.published != nil
        progress = DrawProgress(
            draw: folder.draw, ledgerID: recovery.contents.header.ledgerID,
            state: isPublished ? .published : seal != nil ? .sealed : .open, expectedAgencies: agencies,
            finishedAgencies: recovery.contents.standings.finishedAgencies)
        if let seal, seal.winningNumber != winningNumber {
            log(.numberSealed(seal.winningNumber, configured: winningNumber))
        }
        writeProgress()
    }

    /// Adds agencies whose last chunk is durable to progress.json.
    mutating func agenciesFinished(_ agencies: [AgencyID]) {
        progress.finishedAgencies = (progress.finishedAgencies + agencies).sorted()
        writeProgress()
    }

    /// Seals the ledger; the committer reports when the seal is durable.
    func close() {
        guard !isPublished else { return }
        committer.seal(winningNumber: winningNumber, method: "configured", agencies: agencies)
    }

    /// Draws from the durably sealed ledger and publishes the result.
    ///
    /// If a stop arrives first, nothing is published: the restart continues from the seal.
    ///
    /// - Throws: ``LedgerError``, ``DiskError``, or the winners file's ``DrawResultError``.
    mutating func draw(_ seal: SealRecord) throws {
        guard !isPublished else { return }
        progress.state = .sealed
        writeProgress()
        let newWinners = folder.winners + ".new"
        let draw = Draw(folder: folder, disk: disk, winnersPath: newWinners, isStopping: isStopping)
        guard let result = try draw.run(seal) else { return }
        // The winners first: a result never names a missing file.
        try disk.rename(newWinners, to: folder.winners)
        try disk.syncFolder(folder.path)
        try DurableFile.replace(folder.result, with: result.fileBytes, on: disk)
        isPublished = true
        consultations.publish(
            PublishedDraw(result: result, winners: try WinnersFile(folder.winners, of: result, on: disk)))
        progress.state = .published
        writeProgress()
        log(.drawn(number: result.winningNumber, bets: result.bets, winners: Int(result.winningBets)))
        log(.published(path: folder.result))
    }

    /// Replaces progress.json; a failure is logged, because no other file depends on it, and the next change retries.
    private func writeProgress() {
        do throws(DiskError) {
            let bytes = progress.fileBytes
            guard try DurableFile.read(folder.progress, on: disk) != bytes else { return }
            try DurableFile.replace(folder.progress, with: bytes, on: disk)
        } catch {
            log(.progressFailed(path: folder.progress, reason: "\(error)"))
        }
    }
}
