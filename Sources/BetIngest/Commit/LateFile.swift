import Domain
import Ledger
import NIOConcurrencyHelpers
import Storage

/// `late.csv` of a draw while the service runs.
///
/// A late chunk is durable in the file before its answer leaves: also after a crash, list and ledger together have
/// everything that was answered.
///
/// Isolation: the committer thread appends; any thread reads the counts.
final class LateFile: Sendable {
    /// The lines that were left out when the file was read.
    let invalidLines: Int
    private let path: String
    private let folder: String
    private let disk: any Disk
    private let list: NIOLockedValueBox<LateList>
    /// The file, opened at the first late chunk, and the bytes of its whole lines; the committer thread's.
    private let file: NIOLockedValueBox<(file: (any DiskFile)?, byteCount: Int)>

    /// Reads the list of a draw, and makes it durable; there is no file before the first late chunk.
    ///
    /// Blocks.
    ///
    /// - Throws: ``LedgerError``.
    init(_ folder: DrawFolder, on disk: any Disk) throws(LedgerError) {
        path = folder.late
        self.folder = folder.path
        self.disk = disk
        let bytes: [UInt8]
        do throws(DiskError) {
            bytes = try DurableFile.readDurable(path, on: disk) ?? []
        } catch {
            throw .disk(error)
        }
        let (list, byteCount, invalidLines) = LateList.read(bytes)
        self.list = NIOLockedValueBox(list)
        file = NIOLockedValueBox((nil, byteCount))
        self.invalidLines = invalidLines
    }

    /// The late chunks so far.
    var snapshot: LateList { list.withLockedValue { $0 } }

    /// Adds chunks and makes them durable.
    ///
    /// Blocks: one write and one fdatasync, unless all of them are known. After a failure nothing is added.
    ///
    /// - Returns: the agencies whose first late chunk is among them.
    /// - Throws: ``DiskError``.
    func append(_ chunks: [LateChunk]) throws(DiskError) -> [AgencyID] {
        var list = snapshot
        let agencies = chunks.map(\.agency).filter { list.counts[$0] == nil }
        let lines = chunks.compactMap { list.add($0) }.joined()
        guard !lines.isEmpty else { return [] }
        do throws(DiskError) {
            try write(lines)
        } catch {
            // Opened again next time, and cut to its whole lines.
            file.withLockedValue { $0.file = nil }
            throw error
        }
        self.list.withLockedValue { [list] in $0 = list }
        return Set(agencies).sorted()
    }

    private func write(_ lines: String) throws(DiskError) {
        let (file, byteCount) = file.withLockedValue { $0 }
        let isNew = file == nil && byteCount == 0
        let open = if let file { file } else { try disk.open(path, isNew ? .replace : .readWrite) }
        // A torn last line is of a chunk that was not answered.
        if file == nil, !isNew { try open.truncate(to: byteCount) }
        let bytes = Array(((byteCount == 0 ? LateList.header : "") + lines).utf8)
        try open.writeAll(bytes, at: byteCount)
        try open.sync()
        if isNew { try disk.syncFolder(folder) }
        self.file.withLockedValue { $0 = (open, byteCount + bytes.count) }
    }
}
