import Shared

/// Where a draw stands when the service starts: its ledger, read and checked, and its result where there is one.
struct DrawRecovery: Sendable {
    let contents: LedgerContents
    let published: DrawResult?

    /// Reads the draw's ledger, or makes an empty one, and its published result.
    ///
    /// Blocks. Changes nothing but to make an empty ledger where there is none.
    ///
    /// - Parameter ledgerID: tells a new ledger's groups from those of any other.
    /// - Returns: nil where it was told to stop.
    /// - Throws: ``LedgerError``, ``PublishedDrawError``, or ``ConfigurationError`` where the ledger is of more agencies.
    init?(
        _ folder: DrawFolder, agencies: UInt32, on disk: any Disk, time: UInt64,
        ledgerID: UInt64 = .random(in: 1...UInt64.max), isStopping: () -> Bool
    ) throws {
        if try DurableFile.exists(folder.ledger, on: disk) == false {
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
        let highest = contents.standings.standings.keys.max()?.rawValue ?? 0
        if highest > agencies {
            throw ConfigurationError([
                "agencies is \(agencies) and the ledger holds bets of agency "
                    + "\(highest); set agencies to \(highest) or more, or draw.id to another draw"
            ])
        }
        try disk.syncFolder(folder.path)
        self.contents = contents
        published = try PublishedDraw(folder: folder, disk: disk).load(contents: contents)
    }
}
