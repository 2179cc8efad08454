private import Glibc
import Platform
package import Storage

/// An output for results: a file, standard output, or another descriptor or device.
///
/// A regular file is written under a temporary name in the same folder; ``finish()`` moves it to its path. No reader
/// sees a partial file, and a command that fails leaves the previous one. Only its owner may read it, because results
/// contain names and documents.
package final class OutputFile {
    private let fd: Int32
    private let path: String
    /// The move that ``finish()`` makes; nil for an output written in place.
    private var pending: (temporary: String, target: String, replaces: Bool)?

    /// Opens an output for results.
    ///
    /// - Parameters:
    ///   - path: nil or `-` is standard output; pipes, devices and `/dev/fd/N` are written in place.
    ///   - force: whether an existing file is replaced.
    ///   - folder: the data folder; its draws and lock are never overwritten.
    /// - Throws: ``OutputError`` if the file must not be overwritten, ``DiskError`` if it cannot be opened.
    package init(_ path: String?, force: Bool, protecting folder: DrawFolder? = nil) throws {
        self.path = path == nil || path == "-" ? "standard output" : path ?? ""
        if let number = Self.descriptor(of: path) {
            try LedgerFiles(folder).check(descriptor: number, name: self.path)
            fd = dup(number)
            if fd < 0 { throw DiskError(call: "dup", path: self.path, errno: errno) }
            return
        }
        let path = self.path
        var status = stat()
        let exists = stat(path, &status) == 0
        let kind = status.st_mode & S_IFMT
        if exists, kind == S_IFDIR { throw DiskError(call: "open", path: path, errno: EISDIR) }
        if exists, kind != S_IFREG {
            fd = SystemCall.retryingInterrupted { open(path, O_WRONLY | O_CLOEXEC) }
            if fd < 0 { throw DiskError(call: "open", path: path, errno: errno) }
            return
        }
        let target = try Self.resolved(path)
        try LedgerFiles(folder).check(path: target, name: path)
        if exists, !force { throw OutputError.exists(path: path) }
        var name = Array("\(parentFolder(of: target))/.quiniela-XXXXXX".utf8CString)
        fd = mkstemp(&name)
        if fd < 0 { throw DiskError(call: "open", path: path, errno: errno) }
        let temporary = String(decoding: name.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        pending = (temporary, target, force)
    }

    /// Opens a file in place, to truncate it or to append to it.
    ///
    /// For lists that grow while a program runs and must survive if it is killed.
    ///
    /// - Throws: ``DiskError``.
    package init(_ path: String, appends: Bool) throws(DiskError) {
        self.path = path
        fd = SystemCall.retryingInterrupted {
            open(path, O_WRONLY | O_CREAT | (appends ? O_APPEND : O_TRUNC) | O_CLOEXEC, 0o600)
        }
        if fd < 0 { throw DiskError(call: "open", path: path, errno: errno) }
    }

    /// Removes an unfinished temporary file.
    deinit {
        if let pending { unlink(pending.temporary) }
        close(fd)
    }

    /// Whether nothing is written.
    package func isEmpty() throws(DiskError) -> Bool {
        var status = stat()
        guard fstat(fd, &status) == 0 else { throw DiskError(call: "fstat", path: path, errno: errno) }
        return status.st_size == 0
    }

    /// Writes all bytes; blocks.
    package func write(_ bytes: [UInt8]) throws(DiskError) {
        guard SystemCall.writeAll(bytes, to: fd) == bytes.count else {
            throw DiskError(call: "write", path: path, errno: errno)
        }
    }

    /// Makes a regular file durable and moves it to its path; does nothing for other outputs.
    ///
    /// - Throws: ``OutputError`` if a file of this name was created meanwhile, ``DiskError``.
    package func finish() throws {
        guard let (temporary, target, replaces) = pending else { return }
        if fsync(fd) != 0, errno != EINVAL, errno != EOPNOTSUPP {
            throw DiskError(call: "fsync", path: path, errno: errno)
        }
        // link(2) never replaces a file; some file systems have no hard links.
        if replaces || link(temporary, target) != 0 {
            if !replaces, errno == EEXIST { throw OutputError.exists(path: path) }
            guard rename(temporary, target) == 0 else {
                throw DiskError(call: "rename", path: path, errno: errno)
            }
        } else {
            unlink(temporary)
        }
        pending = nil
    }

    /// The descriptor that a path names, for example 1 for `-` and /dev/stdout.
    private static func descriptor(of path: String?) -> Int32? {
        switch path {
        case nil, "-", "/dev/stdout": return STDOUT_FILENO
        case "/dev/stderr": return STDERR_FILENO
        default:
            for prefix in ["/dev/fd/", "/proc/self/fd/"] where path?.hasPrefix(prefix) == true {
                return Int32(path?.dropFirst(prefix.count) ?? "")
            }
            return nil
        }
    }

    /// The path without symbolic links; the file itself need not exist.
    private static func resolved(_ path: String) throws(DiskError) -> String {
        if let whole = realpath(path, nil) {
            defer { free(whole) }
            return String(cString: whole)
        }
        guard errno == ENOENT, let parent = realpath(parentFolder(of: path), nil) else {
            throw DiskError(call: "open", path: path, errno: errno)
        }
        defer { free(parent) }
        return String(cString: parent) + "/" + (path.split(separator: "/").last ?? "")
    }
}

/// The reason an output is not written.
package enum OutputError: Error, Equatable, Sendable, CustomStringConvertible {
    case exists(path: String)
    case belongsToDraw(path: String, what: String)

    package var description: String {
        switch self {
        case .exists(let path): "\(path) exists; --force replaces it"
        case .belongsToDraw(let path, let what):
            "\(path): that is \(what), which no command overwrites; name another file"
        }
    }
}
