private import Glibc
import Platform

/// The system calls that the ledger and the published files need.
///
/// The seam between what is written and when it is durable: the tests' conformer fails, tears and forgets as a disk
/// can.
package protocol Disk: Sendable {
    /// Opens a file.
    ///
    /// The caller's last reference closes it.
    ///
    /// - Throws: ``DiskError`` with ENOENT where `mode` does not create it, EEXIST where it must create it.
    func open(_ path: String, _ mode: DiskOpenMode) throws(DiskError) -> any DiskFile

    /// Replaces `target` by `source` in one step.
    ///
    /// Durable only after ``syncFolder(_:)``.
    func rename(_ source: String, to target: String) throws(DiskError)

    /// Makes the names in a folder durable.
    func syncFolder(_ path: String) throws(DiskError)

    /// Removes a file's name.
    ///
    /// Nothing happens if there is none.
    func remove(_ path: String) throws(DiskError)

    /// Drops what the page cache holds of a file and the disk may not: after a failed fsync the kernel may mark dirty
    /// pages clean.
    ///
    /// The next read comes from the disk.
    func forgetCached(_ path: String) throws(DiskError)

    /// Tells one state of a file, or of a folder, from another; nil if there is none.
    func stamp(_ path: String) -> FileStamp?

    /// Makes one folder inside an existing one (mkdir), for its owner only.
    ///
    /// Durable only after ``syncFolder(_:)`` of the one above.
    func makeOneFolder(_ path: String) throws(DiskError)
}

extension Disk {
    /// Makes a folder and those above it, durably.
    ///
    /// Nothing happens if it exists.
    package func makeFolder(_ path: String) throws(DiskError) {
        guard stamp(path) == nil else { return }
        let parent = parentFolder(of: path)
        if parent != path { try makeFolder(parent) }
        try makeOneFolder(path)
        try syncFolder(parent)
    }
}

/// What tells one state of a file from another, without reading it.
package struct FileStamp: Equatable, Sendable {
    package var inode: UInt64
    package var size: Int
    /// Nanoseconds since 1970, of the last change.
    package var changed: Int64

    package init(inode: UInt64, size: Int, changed: Int64) {
        self.inode = inode
        self.size = size
        self.changed = changed
    }
}

/// An open file.
///
/// Calls block; none of them runs on an event loop.
package protocol DiskFile: Sendable {
    /// Whether writes go past the page cache: then addresses, offsets and lengths are multiples of 4096.
    var isDirect: Bool { get }

    /// The file's size in bytes.
    func size() throws(DiskError) -> Int

    /// Reads up to `buffer.count` bytes at `offset`; fewer only at the end of the file.
    func read(at offset: Int, into buffer: UnsafeMutableRawBufferPointer) throws(DiskError) -> Int

    /// Writes some bytes, one at least.
    ///
    /// Not durable before ``sync()``.
    func write(_ bytes: UnsafeRawBufferPointer, at offset: Int) throws(DiskError) -> Int

    /// Makes everything written durable (fdatasync).
    ///
    /// After it has failed nothing is known about the file: read the truth after a restart, never call it again.
    func sync() throws(DiskError)

    /// Cuts the file, or extends it with zeros.
    func truncate(to size: Int) throws(DiskError)

    /// Reserves blocks after the end and extends the file with zeros.
    func allocate(from offset: Int, byteCount: Int) throws(DiskError)

    /// Takes an exclusive lock on the file itself (flock), held until the file is closed.
    ///
    /// Never blocks.
    ///
    /// - Throws: EWOULDBLOCK if another open file has it.
    func lock() throws(DiskError)

    /// The file's stamp; nil if the path that it was opened by does not name it any more.
    ///
    /// What is written to a file that was removed, renamed or replaced is lost with its last descriptor.
    func namedStamp() throws(DiskError) -> FileStamp?
}

extension DiskFile {
    /// Writes all bytes, however short each write is.
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

    /// Reads a range into an array, which is shorter only at the end of the file.
    package func read(at offset: Int, byteCount: Int) throws(DiskError) -> [UInt8] {
        var failure: DiskError?
        // A rethrowing closure would erase the error's type: a variable carries it out.
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

/// What a file is opened for.
package enum DiskOpenMode: Sendable {
    case readOnly
    /// Read and write, past the page cache where the file system allows it.
    case readWriteDirect
    case readWrite
    /// A new, empty file, read and write.
    ///
    /// A file or link of this name is removed first, never followed.
    case replace
}

/// A system call failed.
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
        "\(call) \(path): \(SystemCall.errorText(errno))"
    }
}

extension DiskError {
    /// ENOENT: there is no such file.
    package var isMissingFile: Bool { errno == ENOENT }
    /// The file has no room to grow: a full disk, a quota, or a limit on the size of files.
    package var isOutOfSpace: Bool { [ENOSPC, EDQUOT, EFBIG].contains(errno) }
    /// The file system does not have the call.
    package var isUnsupported: Bool { errno == EOPNOTSUPP || errno == ENOSYS }
    package var isInvalidArgument: Bool { errno == EINVAL }
    /// Another open file has the lock.
    package var isLocked: Bool { errno == EWOULDBLOCK }
}
