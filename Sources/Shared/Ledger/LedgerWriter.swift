import Domain
private import Glibc
package import Storage
import WireProtocol

/// Appends commit groups to a ledger.
///
/// Isolation: one thread at a time; the committer owns it. Every call that touches the disk blocks.
///
/// A group is one write (more if the kernel takes less) and one fdatasync, at a block boundary. The next group is
/// written only after that, so power loss can tear only the last group.
package struct LedgerWriter: ~Copyable {
    package let header: LedgerHeader
    package let path: String
    private let file: any DiskFile
    private var group = GroupBuffer()
    private var recordsChecksum: UInt32 = 0
    private var recordCount = 0
    /// The file's stamp after the last commit; it changes if another process writes to the file or replaces it.
    private var written: FileStamp?
    private var nextNumber: UInt64
    /// The offset of the next group; `endOffset <= allocatedBytes`.
    package private(set) var endOffset: Int
    private var allocatedBytes: Int
    private var canPreallocate = true

    /// Writes a new, empty ledger.
    ///
    /// Durable on return; a crash before that leaves no ledger.
    package static func create(
        at path: String, header: LedgerHeader, on disk: any Disk
    ) throws(LedgerError) {
        do throws(DiskError) {
            try disk.makeFolder(parentFolder(of: path))
            try DurableFile.replace(path, with: header.block, on: disk)
        } catch {
            throw .disk(error)
        }
    }

    /// Opens a ledger to append after its last valid group.
    ///
    /// A torn group after that one is cut off, durably, before anything is written.
    ///
    /// - Parameters:
    ///   - end: the end that ``LedgerReader`` found.
    ///   - stamp: the file's stamp before it was read; nil if no other process can have written since.
    package init(_ path: String, header: LedgerHeader, end: LedgerEnd, stamp: FileStamp? = nil, on disk: any Disk)
        throws(LedgerError)
    {
        file = try Self.openEnd(path, end: end, stamp: stamp, on: disk)
        self.path = path
        self.header = header
        endOffset = end.offset
        allocatedBytes = end.offset
        nextNumber = end.lastGroupNumber + 1
    }

    /// Locks the ledger itself, because removing the data folder's lock file defeats that lock.
    ///
    /// Syncs even if nothing is cut off: the records that recovery has read, and will report to agencies as stored, may
    /// be in the page cache only.
    private static func openEnd(
        _ path: String, end: LedgerEnd, stamp: FileStamp?, on disk: any Disk
    ) throws(LedgerError) -> any DiskFile {
        do throws(DiskError) {
            let file = try openDirect(path, on: disk)
            try file.lock()
            // The previous holder of the lock may have written after the ledger was read; none of that may be cut off.
            if let stamp, disk.stamp(path) != stamp { throw DiskError(call: "flock", path: path, errno: EWOULDBLOCK) }
            if try file.size() != end.offset { try file.truncate(to: end.offset) }
            try file.sync()
            return file
        } catch {
            throw error.isLocked ? .inUse(path: path) : .disk(error)
        }
    }

    /// Opens with O_DIRECT, or without if the file system rejects it; some reject the open, others the first read.
    private static func openDirect(_ path: String, on disk: any Disk) throws(DiskError) -> any DiskFile {
        let file = try disk.open(path, .readWriteDirect)
        guard file.isDirect else { return file }
        let block = UnsafeMutableRawBufferPointer.allocate(
            byteCount: Limits.blockBytes, alignment: Limits.blockBytes)
        defer { block.deallocate() }
        do throws(DiskError) {
            _ = try file.read(at: 0, into: block)
            return file
        } catch {
            guard error.isInvalidArgument else { throw error }
            return try disk.open(path, .readWrite)
        }
    }

    /// Whether O_DIRECT is used.
    package var isDirect: Bool { file.isDirect }

    /// Makes room for all records of a group, headers included; growing step by step would copy them.
    package mutating func reserve(recordBytes: Int) {
        group.reserve(GroupHeader.byteCount + recordBytes + Limits.blockBytes)
    }

    /// Appends a record to the current group, unwritten, and returns its future offset in the ledger.
    package mutating func append(_ record: RecordHeader, payload: RawSpan) -> Int {
        if group.count == 0 { reserveGroupHeader() }
        let offset = endOffset + group.count
        let header = record.bytes
        group.append(header.span.bytes)
        group.append(payload)
        recordsChecksum = CRC32C.checksum(
            header.span.bytes.extracting(RecordHeader.checksumRange), continuing: recordsChecksum)
        recordCount += 1
        return offset
    }

    /// Writes the current group and makes it durable: one pwrite, one fdatasync.
    ///
    /// Durability: on return every appended record survives power loss, in the file that the path names. After a throw
    /// the group may be durable, in part or not at all: the writer must not be used again, and only a restart reads the
    /// file's true state.
    package mutating func commit(
        _ kind: GroupHeader.Kind = .records, time: UInt64
    ) throws(LedgerError) {
        if group.count == 0 { reserveGroupHeader() }
        let header = GroupHeader(
            kind: kind, groupBytes: group.count, recordCount: recordCount, number: nextNumber,
            ledgerID: header.ledgerID, time: time, recordsChecksum: recordsChecksum)
        group.replace(at: 0, with: header.bytes)
        group.padToBlock()
        // Writing to a truncated file would extend it again and leave a hole.
        let found = try intactStamp(byteCount: endOffset)
        if let written, written != found { throw .lost(path: path) }
        do throws(DiskError) {
            try preallocate(through: endOffset + group.count)
            try file.writeAll(group.bytes, at: endOffset)
            try file.sync()
        } catch {
            throw .disk(error)
        }
        written = try intactStamp(byteCount: endOffset + group.count)
        endOffset += group.count
        nextNumber += 1
        recordsChecksum = 0
        recordCount = 0
        group.removeAll()
    }

    /// Ends the file with a closing group and releases preallocated space; later groups may follow.
    package mutating func close(time: UInt64) throws(LedgerError) {
        precondition(group.count == 0, "records are waiting to be committed")
        try commit(.closing, time: time)
        do throws(DiskError) {
            try file.truncate(to: endOffset)
            try file.sync()
        } catch {
            throw .disk(error)
        }
        allocatedBytes = endOffset
        written = try intactStamp(byteCount: endOffset)
    }

    /// Checks that the path names the file and that it has at least `byteCount` bytes.
    private func intactStamp(byteCount: Int) throws(LedgerError) -> FileStamp {
        let stamp: FileStamp?
        do throws(DiskError) {
            stamp = try file.namedStamp()
        } catch {
            throw .disk(error)
        }
        guard let stamp, stamp.size >= byteCount else { throw .lost(path: path) }
        return stamp
    }

    private mutating func reserveGroupHeader() {
        group.append([UInt8](repeating: 0, count: GroupHeader.byteCount).span.bytes)
    }

    /// Reserves blocks ahead of the end, so that a commit need not allocate any.
    ///
    /// A file system without support is written without; a full one may still have room for the group itself.
    private mutating func preallocate(through end: Int) throws(DiskError) {
        guard canPreallocate, end > allocatedBytes else { return }
        let step = min(
            max(allocatedBytes, Limits.minPreallocationBytes), Limits.maxPreallocationBytes)
        let byteCount = max(step, end - allocatedBytes)
        do throws(DiskError) {
            try file.allocate(from: allocatedBytes, byteCount: byteCount)
            allocatedBytes += byteCount
        } catch {
            guard error.isOutOfSpace || error.isUnsupported else { throw error }
            canPreallocate = false
            // ext4 keeps the blocks that it allocated before it ran out: release them.
            if error.isOutOfSpace { try file.truncate(to: allocatedBytes) }
        }
    }
}
