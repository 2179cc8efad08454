package import Storage

/// One file in memory.
///
/// Isolation: one thread; a fuzzer has no other.
package final class MemoryDisk: Disk, @unchecked Sendable {
    package fileprivate(set) var bytes: [UInt8]
    /// Sizes of single reads; nil for no limit.
    fileprivate var slicer: Slicer?

    package init(_ bytes: [UInt8], slicer: Slicer? = nil) {
        self.bytes = bytes
        self.slicer = slicer
    }

    package func open(_ path: String, _ mode: DiskOpenMode) throws(DiskError) -> any DiskFile { MemoryFile(disk: self) }
    package func rename(_ source: String, to target: String) throws(DiskError) {}
    package func syncFolder(_ path: String) throws(DiskError) {}
    package func forgetCached(_ path: String) throws(DiskError) {}
    package func stamp(_ path: String) -> FileStamp? { FileStamp(inode: 1, size: bytes.count, changed: 0) }
    package func makeOneFolder(_ path: String) throws(DiskError) {}
    package func names(in path: String) throws(DiskError) -> [String] { [] }
    package func remove(_ path: String) throws(DiskError) {}
}

private final class MemoryFile: DiskFile, @unchecked Sendable {
    private let disk: MemoryDisk
    /// Whether the next read is empty: ranges arrive in slices, as from a file that is being written.
    private var isPaused = false
    private var hasRead = false
    let isDirect = false

    init(disk: MemoryDisk) {
        self.disk = disk
    }

    func size() throws(DiskError) -> Int { disk.bytes.count }

    func read(at offset: Int, into buffer: UnsafeMutableRawBufferPointer) throws(DiskError) -> Int {
        guard offset < disk.bytes.count, !isPaused else {
            isPaused = false
            return 0
        }
        isPaused = disk.slicer != nil
        // A byte order mark arrives in one piece.
        let limit = (disk.slicer?.next() ?? buffer.count) + (hasRead ? 0 : 2)
        hasRead = true
        let end = min(disk.bytes.count, offset + min(buffer.count, limit))
        disk.bytes[offset..<end].withUnsafeBytes { buffer.copyMemory(from: $0) }
        return end - offset
    }

    func write(_ bytes: UnsafeRawBufferPointer, at offset: Int) throws(DiskError) -> Int {
        let end = offset + bytes.count
        if end > disk.bytes.count { disk.bytes += repeatElement(0, count: end - disk.bytes.count) }
        disk.bytes.replaceSubrange(offset..<end, with: bytes)
        return bytes.count
    }

    func sync() throws(DiskError) {}

    func truncate(to size: Int) throws(DiskError) {
        disk.bytes.removeSubrange(min(size, disk.bytes.count)...)
    }

    func lock() throws(DiskError) {}
    func namedStamp() throws(DiskError) -> FileStamp? { FileStamp(inode: 0, size: disk.bytes.count, changed: 0) }

    /// Fails without preallocation, so that ledgers stay small.
    func allocate(from offset: Int, byteCount: Int) throws(DiskError) {
        throw DiskError(call: "fallocate", path: "", errno: 95)
    }
}
