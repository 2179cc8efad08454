import Domain
import Ledger
import Storage
import WireProtocol

/// `refunds.csv`: every bet of a void draw, in the form of `bet-ingest export`.
enum RefundList {
    /// Writes the list of a sealed ledger.
    ///
    /// Blocks. Durability: on return the whole list survives power loss; after a crash there is no list, or the whole one.
    ///
    /// - Returns: false after a stop.
    /// - Throws: ``LedgerError``; ``DiskError``.
    static func write(_ folder: DrawFolder, on disk: any Disk, isStopping: () -> Bool) throws -> Bool {
        var reader = try LedgerReader(folder.ledger, on: disk)
        let file = try disk.open(folder.refunds + ".new", .replace)
        var (rows, offset) = (BetRows(), 0)
        func flush() throws(DiskError) {
            let bytes = rows.take()
            try file.writeAll(bytes, at: offset)
            offset += bytes.count
        }
        while let records = try reader.nextGroup() {
            if isStopping() { return false }
            for record in records where record.header.kind == .chunk || record.header.kind == .lastChunk {
                try rows.append(record, of: reader, path: folder.ledger)
                if rows.bytes.count > 256 << 10 { try flush() }
            }
        }
        try flush()
        try file.sync()
        try disk.rename(folder.refunds + ".new", to: folder.refunds)
        try disk.syncFolder(folder.path)
        return true
    }
}
