import Domain
import Ledger
import Shell
import Storage

/// The state of a draw when the service starts: its checked ledger and its documents.
struct DrawRecovery: Sendable {
    let folder: DrawFolder
    let contents: LedgerContents
    /// Nil for the draw of the configuration.
    let terms: DrawTerms?
    let cutOff: Instant?
    let move: CutOffMove?
    let void: VoidDraw?
    let published: PublishedDraw?

    /// Reads the draw's ledger and its other files; creates an empty ledger for a draw that has not begun.
    ///
    /// Blocks. Changes nothing else.
    ///
    /// - Parameters:
    ///   - agencies: the agencies of a draw without terms.
    ///   - expectsLedger: whether a missing ledger is an error.
    ///   - isReplica: whether the bets are on a cluster until the ledger is sealed here.
    ///   - ledgerID: distinguishes a new ledger's groups from those of any other ledger.
    /// - Returns: nil after a stop.
    /// - Throws: ``LedgerError``, ``DrawFolderFault``, ``DrawDocumentError``, ``PublishedDrawError``, or
    ///   ``ConfigurationError`` if the draw was begun with more agencies.
    init?(
        _ folder: DrawFolder, agencies: UInt32, expectsLedger: Bool = false, isReplica: Bool = false, on disk: any Disk,
        time: UInt64, ledgerID: UInt64 = .random(in: 1...UInt64.max), isStopping: () -> Bool
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
        self.folder = folder
        self.contents = contents
        terms = try Self.document(of: folder, contents, on: disk)
        move = try Self.document(of: folder, contents, on: disk)
        cutOff = move?.cutOff ?? terms?.cutOff
        void = try Self.document(of: folder, contents, on: disk)
        if terms == nil { try Self.check(agencies: agencies, contents.standings) }
        if !isReplica || contents.standings.seal != nil { try Self.checkNotOlder(folder, contents, on: disk) }
        try disk.syncFolder(folder.path)
        published = try PublishedDraw(folder, contents: contents, on: disk)
        if void != nil, published != nil {
            throw DrawFolderFault.contradiction(path: folder.void, other: folder.result)
        }
    }

    /// Reads a document of the draw; nil if it does not exist.
    ///
    /// - Throws: ``DrawDocumentError`` also if it belongs to another ledger; ``DiskError``.
    private static func document<Document: DrawDocument>(
        of folder: DrawFolder, _ contents: LedgerContents, on disk: any Disk
    ) throws -> Document? {
        guard let document = try Document(in: folder, on: disk) else { return nil }
        let ledgerID = DrawResult.text(ledgerID: contents.header.ledgerID)
        guard document.ledgerID == ledgerID else {
            throw DrawDocumentError(
                path: Document.path(in: folder),
                reason: "it belongs to ledger \(document.ledgerID), but the ledger beside it is \(ledgerID)")
        }
        return document
    }

    /// Checks that no other file of the draw exists: such a folder has lost its ledger.
    ///
    /// - Throws: ``DrawFolderFault``.
    private static func checkNeverBegun(_ folder: DrawFolder, expectsLedger: Bool, on disk: any Disk) throws {
        let traces = [
            folder.terms, folder.result, folder.winners, folder.number, folder.void, folder.late, folder.progress,
            folder.progress + ".new",
        ]
        if let trace = traces.first(where: { disk.stamp($0) != nil }) {
            throw DrawFolderFault.ledgerMissing(path: folder.ledger, trace: trace)
        }
        if expectsLedger { throw DrawFolderFault.ledgerExpected(path: folder.ledger) }
    }

    /// Checks that an unsealed draw has not lost agencies; it may gain some.
    ///
    /// The number of agencies of a sealed draw is in its seal.
    ///
    /// - Throws: ``ConfigurationError``.
    private static func check(agencies: UInt32, _ standings: DrawStandings) throws(ConfigurationError) {
        guard standings.seal == nil else { return }
        let highest = standings.standings.keys.max()?.rawValue ?? 0
        let expected = max(highest, standings.expectedAgencies)
        guard agencies < expected else { return }
        throw ConfigurationError([
            "agencies is \(agencies) and the draw was begun with \(expected): with fewer, the draw would omit some; "
                + "set agencies to \(expected) or more, or draw.id to another draw"
        ])
    }

    /// Checks that the ledger has everything that progress.json reports.
    ///
    /// progress.json is written only after the facts that it reports are durable, so a ledger without them was restored
    /// from a copy. An unreadable progress.json, or one of another ledger, proves nothing.
    ///
    /// - Throws: ``DrawFolderFault``.
    private static func checkNotOlder(_ folder: DrawFolder, _ contents: LedgerContents, on disk: any Disk) throws {
        guard let bytes = try? DurableFile.read(folder.progress, on: disk),
            let progress = DrawProgress(fileBytes: bytes),
            progress.ledgerID == DrawResult.text(ledgerID: contents.header.ledgerID)
        else { return }
        let missing = progress.finishedAgencies.filter { !contents.standings[$0].isFinished }
        // A void draw is sealed after its state is reported.
        let isUnsealed = ![.open, .void].contains(progress.state) && contents.standings.seal == nil
        if isUnsealed || !missing.isEmpty {
            let what = isUnsealed ? "the draw was \(progress.state.rawValue)" : "agency \(missing[0]) had finished"
            throw DrawFolderFault.ledgerOlder(path: folder.ledger, progress: folder.progress, what: what)
        }
    }
}

/// A fault of a data folder: a file is missing, or files do not belong together.
enum DrawFolderFault: ProgramError, Equatable, CustomStringConvertible {
    case ledgerMissing(path: String, trace: String)
    case ledgerExpected(path: String)
    case ledgerOlder(path: String, progress: String, what: String)
    case contradiction(path: String, other: String)
    case termsMissing(path: String)

    var exit: ProgramExit { .data }

    var description: String {
        switch self {
        case .ledgerMissing(let path, let trace):
            "\(path) is missing and \(trace) is there: the draw has begun, and a new ledger would lose its bets; "
                + "restore the ledger, or choose another draw.id"
        case .termsMissing(let path):
            "\(path) is missing, and the ledger beside it has bets: restore it from a backup, or move the folder elsewhere"
        case .contradiction(let path, let other):
            "\(path) says that the draw is void, and \(other) that it is published; keep both for the auditor, and move "
                + "the wrong one elsewhere"
        case .ledgerExpected(let path):
            "\(path) is missing and --expect-ledger was given: is the data folder mounted?"
        case .ledgerOlder(let path, let progress, let what):
            "\(path) is older than \(progress), which says that \(what): the ledger was restored from a copy and lacks "
                + "the bets acknowledged since; restore the newer ledger, or, to accept the loss, remove \(progress)"
        }
    }
}
