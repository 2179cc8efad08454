import Ledger
import Storage

/// A watch on the published files of a draw: `result.json` with its winners file, and `progress.json`, which lists the
/// finished agencies before the draw.
///
/// Isolation: one thread, which blocks on the disk. Files are compared by inode, size and time, and read when they have
/// changed; they are only ever replaced whole.
struct PublishedResult {
    enum Change {
        case result(DrawResult, WinnersFile)
        /// The served result has disappeared, or belongs to another ledger.
        case withdrawn
        case progress(DrawProgress?)
        case rejected(path: String, reason: String)
        /// The folder of the draw does not exist or is not readable.
        case waitingForFolder(path: String)
    }

    private let folder: DrawFolder
    private let disk: any Disk
    private var resultStamp: FileStamp?
    private var progressStamp: FileStamp?
    private var ledgerStamp: FileStamp?
    /// The ledger beside the result.
    private var ledgerID: String?
    private var isTold = false
    private var lastRejection: String?
    private var hasFolder = true

    init(folder: DrawFolder, disk: any Disk) {
        self.folder = folder
        self.disk = disk
    }

    /// Returns the changes since the last call.
    ///
    /// Three or four calls of stat(2) if nothing has changed. A file that cannot be read is tried again at the next
    /// call, and reported once. The result is checked first, because it depends on no file but its own.
    mutating func changes() -> [Change] {
        var changes: [Change] = []
        lookAtFolder(&changes)
        let stamp = disk.stamp(folder.result)
        // Before the draw the ledger changes with every chunk, and there is nothing to compare it with.
        if stamp != nil { lookAtLedger() }
        lookAtResult(stamp, &changes)
        lookAtProgress(&changes)
        return changes
    }

    private mutating func lookAtFolder(_ changes: inout [Change]) {
        let isThere = resultStamp != nil || progressStamp != nil || disk.stamp(folder.path) != nil
        if hasFolder, !isThere { changes.append(.waitingForFolder(path: folder.path)) }
        hasFolder = isThere
    }

    private mutating func lookAtResult(_ stamp: FileStamp?, _ changes: inout [Change]) {
        guard stamp != resultStamp else { return }
        guard stamp != nil else {
            resultStamp = nil
            withdraw(&changes)
            return
        }
        do {
            guard let bytes = try DurableFile.read(folder.result, on: disk) else { return }
            let result = try DrawResult(fileBytes: bytes)
            guard result.draw == folder.draw else {
                throw DrawResultError.invalid("it belongs to draw \(result.draw), not \(folder.draw)")
            }
            if let told = result.ledgerID, let found = ledgerID, told != found {
                throw DrawResultError.invalid("it belongs to ledger \(told), but the ledger beside it is \(found)")
            }
            let winners = try WinnersFile(folder.winners, of: result, on: disk)
            resultStamp = stamp
            lastRejection = nil
            isTold = true
            changes.append(.result(result, winners))
        } catch let error as DrawResultError {
            // The file will not change by itself: it is not read again until it is replaced.
            resultStamp = stamp
            withdraw(&changes)
            reject("\(error)", &changes)
        } catch {
            reject("\(error)", &changes)
        }
    }

    /// Rechecks the result if another ledger appears: a result is served only beside its own ledger, or without any.
    private mutating func lookAtLedger() {
        let stamp = disk.stamp(folder.ledger)
        guard stamp != ledgerStamp else { return }
        guard stamp != nil, let reader = try? LedgerReader(folder.ledger, on: disk) else { return }
        ledgerStamp = stamp
        let found = DrawResult.text(ledgerID: reader.header.ledgerID)
        guard found != ledgerID else { return }
        ledgerID = found
        resultStamp = nil
    }

    private mutating func lookAtProgress(_ changes: inout [Change]) {
        let stamp = disk.stamp(folder.progress)
        guard stamp != progressStamp else { return }
        // The progress is optional: a file that cannot be read counts as absent, and is read again when it changes.
        progressStamp = stamp
        let bytes = try? DurableFile.read(folder.progress, on: disk)
        let progress = (bytes ?? nil).flatMap { DrawProgress(fileBytes: $0) }
        changes.append(.progress(progress.flatMap { $0.draw == folder.draw ? $0 : nil }))
    }

    private mutating func withdraw(_ changes: inout [Change]) {
        if isTold { changes.append(.withdrawn) }
        isTold = false
    }

    private mutating func reject(_ reason: String, _ changes: inout [Change]) {
        if lastRejection != reason { changes.append(.rejected(path: folder.result, reason: reason)) }
        lastRejection = reason
    }
}
