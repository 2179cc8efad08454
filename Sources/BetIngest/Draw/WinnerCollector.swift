import Domain
import Storage
import WireProtocol

/// A collector of winning documents in bounded memory.
///
/// Documents that do not fit are sorted by agency and written to disk as a ``WinnerRun``.
///
/// Isolation: one thread; appending may block on the disk.
struct WinnerCollector {
    /// The maximum size of the records in memory; sorting them takes the same again.
    static let maxBytes = 8 << 20

    private let path: String
    private let disk: any Disk
    private let maxBytes: Int
    private var records: [UInt8] = []
    /// Agency and position in `records`: sorted, they keep an agency's records in order.
    private var keys: [UInt64] = []
    private var file: (any DiskFile)?
    private var fileRuns: [Range<Int>] = []

    /// Makes a collector; the file for runs is made only if needed, and ``removeFile()`` removes it.
    init(path: String, on disk: any Disk, maxBytes: Int = Self.maxBytes) {
        self.path = path
        self.disk = disk
        self.maxBytes = maxBytes
    }

    /// Appends a document, in the order of the ledger.
    ///
    /// - Throws: ``DiskError``.
    mutating func append(_ document: Span<UInt8>, of agency: AgencyID) throws(DiskError) {
        if records.count + 32 > maxBytes { try writeRun() }
        keys.append(UInt64(agency.rawValue) << 32 | UInt64(records.count))
        records.append(bigEndian: agency.rawValue)
        records.append(UInt8(document.count))
        document.withUnsafeBufferPointer { records.append(contentsOf: $0) }
    }

    /// Returns the runs, in the order of the ledger.
    func runs() -> [WinnerRun] {
        var runs: [WinnerRun] = []
        if let file { runs = fileRuns.map { WinnerRun(file, $0) } }
        return runs + [WinnerRun(sorted)]
    }

    /// Removes the file for runs, if made.
    func removeFile() throws(DiskError) {
        if file != nil { try disk.remove(path) }
    }

    private var sorted: [UInt8] {
        var sorted: [UInt8] = []
        sorted.reserveCapacity(records.count)
        for key in keys.sorted() {
            let start = Int(key & 0xFFFF_FFFF)
            sorted += records[start..<start + 5 + Int(records[start + 4])]
        }
        return sorted
    }

    private mutating func writeRun() throws(DiskError) {
        let file: any DiskFile
        if let open = self.file { file = open } else { file = try disk.open(path, .replace) }
        self.file = file
        let start = fileRuns.last?.upperBound ?? 0
        try file.writeAll(sorted, at: start)
        fileRuns.append(start..<start + records.count)
        records.removeAll(keepingCapacity: true)
        keys.removeAll(keepingCapacity: true)
    }
}
