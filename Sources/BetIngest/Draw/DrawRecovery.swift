import Domain
import Ledger
import Shell
import Storage

/// The state of a draw when the service starts: its ledger, read and checked, and its result if there is one.
struct DrawRecovery: Sendable {
    let contents: LedgerContents
    let published: PublishedDraw?

    /// Reads the draw's ledger, or makes an empty one for a draw that was never begun, and its published result.
    ///
    /// Blocks. Changes nothing but to make an empty ledger.
    ///
    /// - Parameters:
    ///   - expectsLedger: a missing ledger is an error.
    ///   - ledgerID: tells a new ledger's groups from those of any other.
    /// - Returns: nil if it was told to stop.
    /// - Throws: ``LedgerError``, ``DrawFolderFault``, ``PublishedDrawError``, or ``ConfigurationError`` if the draw has
    ///   more agencies.
    init?(
        _ folder: DrawFolder, agencies: UInt32, expectsLedger: Bool = false, on disk: any Disk, time: UInt64,
        ledgerID: UInt64 = .random(in: 1...UInt64.max), isStopping: () -> Bool
    ) throws {
        if disk.stamp(folder.ledger) == nil {
            try Self.checkNeverBegun(folder, expectsLedger: expectsLedger, on: disk)
            let header = LedgerHeader(draw: folder.draw, ledgerID: ledgerID, createdAt: time)
            try LedgerWriter.create(at: folder.ledger, header: header, on: disk)
        }
        try disk.forgetCached(folder.ledger)
        let contents = try LedgerContents(reading: folder.ledger, on: disk) { _, _ in !isStopping() }
        guard let contents else { return nil }
        guard contents.header.draw == folder.draw else {
            throw LedgerError.badHeader(
                path: folder.ledger,
                reason: "the ledger belongs to draw \(contents.header.draw), not \(folder.draw)")
        }
        try Self.check(agencies: agencies, contents.standings)
        try Self.checkNotOlder(folder, contents, on: disk)
        try disk.syncFolder(folder.path)
        self.contents = contents
        published = try PublishedDraw(folder, contents: contents, on: disk)
    }

    /// A ledger is made once.
    ///
    /// A folder with any other file of a draw has lost its ledger.
    private static func checkNeverBegun(_ folder: DrawFolder, expectsLedger: Bool, on disk: any Disk) throws {
        let traces = [folder.result, folder.winners, folder.progress, folder.progress + ".new"]
        if let trace = traces.first(where: { disk.stamp($0) != nil }) {
            throw DrawFolderFault.ledgerMissing(path: folder.ledger, trace: trace)
        }
        if expectsLedger { throw DrawFolderFault.ledgerExpected(path: folder.ledger) }
    }

    /// The agencies of a sealed draw are in its seal.
    ///
    /// Before, the draw may gain agencies and never lose one.
    private static func check(agencies: UInt32, _ standings: DrawStandings) throws(ConfigurationError) {
        guard standings.seal == nil else { return }
        let highest = standings.standings.keys.max()?.rawValue ?? 0
        let expected = max(highest, standings.expectedAgencies)
        guard agencies < expected else { return }
        throw ConfigurationError([
            "agencies is \(agencies) and the draw was begun with \(expected): with fewer it would be drawn without some; "
                + "set agencies to \(expected) or more, or draw.id to another draw"
        ])
    }

    /// progress.json is written after what it says is durable: a ledger that knows less was put back from an older copy.
    ///
    /// A file that cannot be read, or is of another ledger, says nothing.
    private static func checkNotOlder(_ folder: DrawFolder, _ contents: LedgerContents, on disk: any Disk) throws {
        guard let bytes = try? DurableFile.read(folder.progress, on: disk),
            let progress = DrawProgress(fileBytes: bytes),
            progress.ledgerID == DrawResult.text(ledgerID: contents.header.ledgerID)
        else { return }
        let missing = progress.finishedAgencies.filter { !contents.standings[$0].isFinished }
        let isUnsealed = progress.state != .open && contents.standings.seal == nil
        if isUnsealed || !missing.isEmpty {
            let what = isUnsealed ? "the draw was \(progress.state.rawValue)" : "agency \(missing[0]) had finished"
            throw DrawFolderFault.ledgerOlder(path: folder.ledger, progress: folder.progress, what: what)
        }
    }
}

/// What a data folder lacks, or has that does not belong together.
enum DrawFolderFault: ProgramError, Equatable, CustomStringConvertible {
    case ledgerMissing(path: String, trace: String)
    case ledgerExpected(path: String)
    case ledgerOlder(path: String, progress: String, what: String)

    var exit: ProgramExit { .data }

    var description: String {
        switch self {
        case .ledgerMissing(let path, let trace):
            "\(path) is missing and \(trace) is there: the draw was begun, and a new ledger would lose its bets; "
                + "put the ledger back, or choose another draw.id"
        case .ledgerExpected(let path):
            "\(path) is missing and --expect-ledger was given: is the folder with the data mounted?"
        case .ledgerOlder(let path, let progress, let what):
            "\(path) is older than \(progress), which says that \(what): it was put back from a copy, and bets that were "
                + "acknowledged since are not in it; put the newer ledger back, or, to accept the loss, remove \(progress)"
        }
    }
}
