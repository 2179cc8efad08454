import Domain
import Ledger
import Storage
import WireProtocol

/// A writer of a winners file: entries and documents, each region in order.
///
/// Isolation: one thread; blocks on the disk. Memory is two buffers.
struct WinnersFileWriter {
    private struct Region {
        var offset: Int
        var buffer: [UInt8] = []

        mutating func append(_ bytes: some Collection<UInt8>, to file: any DiskFile) throws(DiskError) {
            buffer.append(contentsOf: bytes)
            if buffer.count >= 256 << 10 { try flush(to: file) }
        }

        mutating func flush(to file: any DiskFile) throws(DiskError) {
            try file.writeAll(buffer, at: offset)
            offset += buffer.count
            buffer.removeAll(keepingCapacity: true)
        }
    }

    private let file: any DiskFile
    private let agencies: UInt32
    private var entries: Region
    private var documents: Region
    private var winners: UInt64 = 0

    /// Creates or replaces the file.
    ///
    /// - Throws: ``DiskError``.
    init(_ path: String, agencies: UInt32, on disk: any Disk) throws(DiskError) {
        file = try disk.open(path, .replace)
        self.agencies = agencies
        entries = Region(offset: WinnersHeader.byteCount)
        documents = Region(offset: WinnersHeader.byteCount + WinnersEntry.byteCount * Int(agencies))
    }

    /// Appends an agency and its documents; call it for 1, 2, 3 … in order.
    ///
    /// - Parameter listed: called with each document.
    /// - Returns: the number of its winning bets.
    /// - Throws: ``DiskError``.
    mutating func append(
        _ agency: AgencyID, _ standing: AgencyStanding, from runs: inout [WinnerRun],
        listed: (ArraySlice<UInt8>) -> Void
    ) throws(DiskError) -> UInt64 {
        var entry = WinnersEntry.none
        entry.offset = documents.offset + documents.buffer.count
        entry.bets = standing.storedBets
        entry.rejectedBets = standing.rejectedBets
        for index in runs.indices {
            while try runs[index].nextAgency() == agency {
                try runs[index].takeDocument { (document) throws(DiskError) in
                    entry.documentsBytes += document.count
                    entry.winners += 1
                    entry.areIntegers = entry.areIntegers && Self.isInteger(document.dropFirst())
                    entry.checksum = CRC32C.checksum(document.span.bytes, continuing: entry.checksum)
                    listed(document)
                    try documents.append(document, to: file)
                }
            }
        }
        winners += entry.winners
        try entries.append(entry.bytes, to: file)
        return entry.winners
    }

    /// Writes the header and makes the file durable.
    ///
    /// - Returns: its size and SHA-256.
    /// - Throws: ``DiskError``.
    mutating func finish(winningNumber: UInt16, ledgerID: UInt64) throws(DiskError) -> DrawResult.WinnersSeal {
        try entries.flush(to: file)
        try documents.flush(to: file)
        let header = WinnersHeader(
            winningNumber: winningNumber, agencies: agencies, ledgerID: ledgerID, winners: winners,
            fileBytes: documents.offset)
        try file.writeAll(header.bytes, at: 0)
        try file.sync()
        return DrawResult.WinnersSeal(bytes: documents.offset, sha256: try WinnersFile.sha256(of: file))
    }

    private static func isInteger(_ document: ArraySlice<UInt8>) -> Bool {
        let text = String(decoding: document, as: UTF8.self)
        return UInt32(text).map(String.init) == text
    }
}
