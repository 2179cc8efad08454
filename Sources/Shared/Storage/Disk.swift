private import Glibc
import Platform

/// The system calls that the ledger and the published files need.
///
/// The protocol separates writing from becoming durable: the tests' conformer fails, tears writes and loses data as a
/// disk can.
package protocol Disk: Sendable {
    /// Opens a file.
    ///
    /// It is closed with the caller's last reference.
    ///
    /// - Throws: ``DiskError`` with ENOENT if it is missing and `mode` does not create it, EEXIST if it exists and `mode`
    ///   must create it.
    func open(_ path: String, _ mode: DiskOpenMode) throws(DiskError) -> any DiskFile

    /// Replaces `target` with `source` atomically.
    ///
    /// Durable only after ``syncFolder(_:)``.
    func rename(_ source: String, to target: String) throws(DiskError)

    /// Makes the names in a folder durable.
    func syncFolder(_ path: String) throws(DiskError)

    /// Returns the names in a folder, sorted.
    func names(in path: String) throws(DiskError) -> [String]

    /// Removes a file's name.
    ///
    /// Does nothing if it does not exist.
    func remove(_ path: String) throws(DiskError)

    /// Drops a file's pages from the page cache, so that the next read comes from the disk.
    ///
    /// After a failed fsync the kernel may mark dirty pages clean, although the disk may not hold them.
    func forgetCached(_ path: String) throws(DiskError)

    /// Returns the stamp of a file or a folder; nil if it does not exist.
    func stamp(_ path: String) -> FileStamp?

    /// Creates one folder inside an existing one (mkdir), for its owner only.
    ///
    /// Durable only after ``syncFolder(_:)`` of its parent.
    func makeOneFolder(_ path: String) throws(DiskError)
}

extension Disk {
    /// Creates a folder and its missing parents, durably, unless it exists.
    package func makeFolder(_ path: String) throws(DiskError) {
        guard stamp(path) == nil else { return }
        let parent = parentFolder(of: path)
        if parent != path { try makeFolder(parent) }
        try makeOneFolder(path)
        try syncFolder(parent)
    }
}

/// A stamp that distinguishes one state of a file from another, without reading it.
package struct FileStamp: Equatable, Sendable {
    package var inode: UInt64
    package var size: Int
    /// Nanoseconds since 1970.
    package var changed: Int64

    package init(inode: UInt64, size: Int, changed: Int64) {
        self.inode = inode
        self.size = size
        self.changed = changed
    }
}

/// An open file.
///
/// Calls block, so they never run on an event loop.
package protocol DiskFile: Sendable {
    /// Whether writes bypass the page cache; addresses, offsets and lengths are then multiples of 4096.
    var isDirect: Bool { get }

    /// The file's size in bytes.
    func size() throws(DiskError) -> Int

    /// Reads up to `buffer.count` bytes at `offset`; fewer only at the end of the file.
    func read(at offset: Int, into buffer: UnsafeMutableRawBufferPointer) throws(DiskError) -> Int

    /// Writes some of the bytes, at least one; durable after ``sync()``.
    func write(_ bytes: UnsafeRawBufferPointer, at offset: Int) throws(DiskError) -> Int

    /// Makes everything written durable (fdatasync).
    ///
    /// After a failure the state of the file is unknown: never call it again, but read the file after a restart.
    func sync() throws(DiskError)

    /// Truncates the file, or extends it with zeros.
    func truncate(to size: Int) throws(DiskError)

    /// Reserves blocks after the end and extends the file with zeros.
    func allocate(from offset: Int, byteCount: Int) throws(DiskError)

    /// Takes an exclusive lock on the file itself (flock), held until the file is closed.
    ///
    /// Never blocks.
    ///
    /// - Throws: EWOULDBLOCK if another open file holds the lock.
    func lock() throws(DiskError)

    /// Returns the file's stamp; nil if the path by which it was opened no longer names it.
    ///
    /// Bytes written to a file that was removed, renamed or replaced are lost with its last descriptor.
    func namedStamp() throws(DiskError) -> FileStamp?
}

extension DiskFile {
    /// Writes all bytes, with further writes after a short one.
    package func writeAll(_ bytes: UnsafeRawBufferPointer, at offset: Int) throws(DiskError) {
        var done = 0
        while done < bytes.count {
            done += try write(
                UnsafeRawBufferPointer(rebasing: bytes[done...]), at: offset + done)
        }
    }

    /// Writes all bytes of an array.
    package func writeAll(_ bytes: [UInt8], at offset: Int) throws(DiskError) {
        let written = bytes.withUnsafeBytes { buffer -> Result<Void, DiskError> in
            Result { () throws(DiskError) in try writeAll(buffer, at: offset) }
        }
        try written.get()
    }

    /// Reads a range; fewer bytes only at the end of the file.
    package func read(at offset: Int, byteCount: Int) throws(DiskError) -> [UInt8] {
        var failure: DiskError?
        // A rethrowing closure would erase the error's type, so a variable carries the error out.
        let bytes = [UInt8](unsafeUninitializedCapacity: byteCount) { buffer, done in
            while done < byteCount {
                do throws(DiskError) {
                    let rest = UnsafeMutableRawBufferPointer(UnsafeMutableBufferPointer(rebasing: buffer[done...]))
                    let count = try read(at: offset + done, into: rest)
                    if count == 0 { return }
                    done += count
                } catch {
                    failure = error
                    return
                }
            }
        }
        if let failure { throw failure }
        return bytes
    }
}

/// The mode in which a file is opened.
package enum DiskOpenMode: Sendable {
    case readOnly
    /// Read and write, bypassing the page cache if the file system allows it.
    case readWriteDirect
    case readWrite
    /// A new, empty file; an existing one or a link is removed first, and a link is never followed.
    case replace
}

/// The failure of a system call.
package struct DiskError: Error, Equatable, Sendable, CustomStringConvertible {
    package var call: String
    package var path: String
    package var errno: Int32

    package init(call: String, path: String, errno: Int32) {
        self.call = call
        self.path = path
        self.errno = errno
    }

    package var description: String {
        if call == Self.openRegular, errno == EINVAL { return "\(path) is not a regular file" }
        return "\(call) \(path): \(SystemCall.errorText(errno))"
    }

    static let openRegular = "open as a regular file"
}

extension DiskError {
    /// Whether the file does not exist (ENOENT).
    package var isMissingFile: Bool { errno == ENOENT }
    /// Whether the file has no room to grow: a full disk, a quota, or a limit on the size of files.
    package var isOutOfSpace: Bool { [ENOSPC, EDQUOT, EFBIG].contains(errno) }
    /// Whether the file system does not have the call.
    package var isUnsupported: Bool { errno == EOPNOTSUPP || errno == ENOSYS }
    package var isInvalidArgument: Bool { errno == EINVAL }
    /// Whether another open file holds the lock.
    package var isLocked: Bool { errno == EWOULDBLOCK }
}
