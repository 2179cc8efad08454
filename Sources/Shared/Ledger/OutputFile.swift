private import Glibc
import Platform
package import Storage

/// A file to write results to, standard output, or another descriptor or device.
///
/// A regular file is written beside its place and moved there by ``finish()``: nobody sees half of it, and a command that
/// fails leaves what was there. Only its owner may read it: results hold names and documents.
package final class OutputFile {
    private let fd: Int32
    /// As messages name it.
    private let path: String
    /// Where the file is moved at the end, and from where; nil for whatever is written in place.
    private var pending: (temporary: String, target: String, replaces: Bool)?

    /// Opens what results are written to.
    ///
    /// - Parameters:
    ///   - path: nil or `-` is standard output; pipes, devices and `/dev/fd/N` are written as they are.
    ///   - force: replaces a file that exists.
    ///   - folder: the data folder, whose draws and lock are never written.
    /// - Throws: ``OutputError`` for a file that must not be written, ``DiskError`` for one that cannot.
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

    /// Opens a file in place: empties it, or appends to it.
    ///
    /// For lists that grow while a program runs, and that must be there if it is killed.
    ///
    /// - Throws: ``DiskError``.
    package init(_ path: String, appends: Bool) throws(DiskError) {
        self.path = path
        fd = SystemCall.retryingInterrupted {
            open(path, O_WRONLY | O_CREAT | (appends ? O_APPEND : O_TRUNC) | O_CLOEXEC, 0o600)
        }
        if fd < 0 { throw DiskError(call: "open", path: path, errno: errno) }
    }

    /// Closes the file; what was not finished is removed.
    deinit {
        if let pending { unlink(pending.temporary) }
        close(fd)
    }

    /// Whether nothing has been written to the file.
    package func isEmpty() throws(DiskError) -> Bool {
        var status = stat()
        guard fstat(fd, &status) == 0 else { throw DiskError(call: "fstat", path: path, errno: errno) }
        return status.st_size == 0
    }

    /// Writes all bytes.
    ///
    /// Blocks.
    package func write(_ bytes: [UInt8]) throws(DiskError) {
        guard SystemCall.writeAll(bytes, to: fd) == bytes.count else {
            throw DiskError(call: "write", path: path, errno: errno)
        }
    }

    /// Makes a regular file durable and moves it to its place; does nothing for anything else.
    ///
    /// - Throws: ``OutputError`` if a file of this name was made meanwhile, ``DiskError``.
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

    /// The descriptor that a path stands for, for example 1 for `-` and /dev/stdout.
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

    /// The path without symbolic links; the last part may be missing.
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

/// Why results are not written to a file.
package enum OutputError: Error, Equatable, Sendable, CustomStringConvertible {
    case exists(path: String)
    /// The file is part of a draw.
    case belongsToDraw(path: String, what: String)

    package var description: String {
        switch self {
        case .exists(let path): "\(path) exists; --force replaces it"
        case .belongsToDraw(let path, let what):
            "\(path): that is \(what), which no command overwrites; name another file"
        }
    }
}
