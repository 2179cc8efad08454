private import CLinux
private import Glibc
import Platform

/// The real disk.
package struct PosixDisk: Disk {
    package init() {}

    package func open(_ path: String, _ mode: DiskOpenMode) throws(DiskError) -> any DiskFile {
        let flags =
            switch mode {
            case .readOnly: O_RDONLY
            case .readWriteDirect: O_RDWR | clinux_o_direct
            case .readWrite: O_RDWR
            case .replace: O_RDWR | O_CREAT | O_EXCL
            }
        let fd = try Self.descriptor { () throws(DiskError) in
            // Before each attempt: an interrupted one may have created the file.
            if mode == .replace { try remove(path) }
            // Non-blocking: opening a FIFO would wait for its other end, with the stop signals blocked.
            return Glibc.open(path, flags | O_CLOEXEC | O_NONBLOCK, 0o600)
        }
        if fd < 0, errno == EINVAL, mode == .readWriteDirect {
            return try open(path, .readWrite)  // a file system without O_DIRECT
        }
        guard fd >= 0 else { throw DiskError(call: "open", path: path, errno: errno) }
        var status = stat()
        guard fstat(fd, &status) == 0 else {
            let code = errno
            close(fd)
            throw DiskError(call: "fstat", path: path, errno: code)
        }
        let file = PosixFile(fd: fd, path: path, isDirect: mode == .readWriteDirect, status)
        let kind = status.st_mode & S_IFMT
        guard kind == S_IFREG else {
            throw DiskError(call: DiskError.openRegular, path: path, errno: kind == S_IFDIR ? EISDIR : EINVAL)
        }
        return file
    }

    /// Opens, again after an interruption, and for a second if no descriptor is free: connections that are being rejected hold
    /// the last ones for a moment.
    private static func descriptor(_ open: () throws(DiskError) -> CInt) throws(DiskError) -> CInt {
        var waits = 0
        while true {
            let fd = try open()
            if fd >= 0 { return fd }
            if errno == EINTR { continue }
            guard errno == EMFILE || errno == ENFILE, waits < 100 else { return fd }
            waits += 1
            usleep(10_000)
        }
    }

    package func remove(_ path: String) throws(DiskError) {
        guard unlink(path) == 0 || errno == ENOENT else { throw DiskError(call: "unlink", path: path, errno: errno) }
    }

    package func rename(_ source: String, to target: String) throws(DiskError) {
        guard Glibc.rename(source, target) == 0 else {
            throw DiskError(call: "rename", path: source, errno: errno)
        }
    }

    package func syncFolder(_ path: String) throws(DiskError) {
        let fd = try Self.descriptor { () throws(DiskError) in Glibc.open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC) }
        guard fd >= 0 else { throw DiskError(call: "open", path: path, errno: errno) }
        defer { close(fd) }
        guard fsync(fd) == 0 else { throw DiskError(call: "fsync", path: path, errno: errno) }
    }

    package func names(in path: String) throws(DiskError) -> [String] {
        guard let folder = opendir(path) else { throw DiskError(call: "opendir", path: path, errno: errno) }
        defer { closedir(folder) }
        var names: [String] = []
        errno = 0
        while let entry = readdir(folder) {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
                String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            if name != ".", name != ".." { names.append(name) }
        }
        guard errno == 0 else { throw DiskError(call: "readdir", path: path, errno: errno) }
        return names.sorted()
    }

    package func forgetCached(_ path: String) throws(DiskError) {
        let fd = try Self.descriptor { () throws(DiskError) in
            Glibc.open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        }
        guard fd >= 0 else { throw DiskError(call: "open", path: path, errno: errno) }
        defer { close(fd) }
        posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED)  // a file system without it has no such cache
    }

    package func stamp(_ path: String) -> FileStamp? {
        var status = stat()
        guard stat(path, &status) == 0 else { return nil }
        return FileStamp(status)
    }

    package func makeOneFolder(_ path: String) throws(DiskError) {
        if mkdir(path, 0o700) != 0, errno != EEXIST {
            throw DiskError(call: "mkdir", path: path, errno: errno)
        }
    }
}

/// A file descriptor, closed with the last reference.
private final class PosixFile: DiskFile {
    let isDirect: Bool
    private let fd: Int32
    private let path: String
    /// Not reused for another file while this one is open.
    private let (device, inode): (dev_t, ino_t)

    init(fd: Int32, path: String, isDirect: Bool, _ status: stat) {
        (device, inode) = (status.st_dev, status.st_ino)
        self.fd = fd
        self.path = path
        self.isDirect = isDirect
    }

    deinit {
        close(fd)
    }

    func size() throws(DiskError) -> Int {
        var status = stat()
        guard fstat(fd, &status) == 0 else { throw failure("fstat") }
        return Int(status.st_size)
    }

    func read(at offset: Int, into buffer: UnsafeMutableRawBufferPointer) throws(DiskError) -> Int {
        let count = SystemCall.retryingInterrupted { pread(fd, buffer.baseAddress, buffer.count, offset) }
        guard count >= 0 else { throw failure("pread") }
        return count
    }

    func write(_ bytes: UnsafeRawBufferPointer, at offset: Int) throws(DiskError) -> Int {
        let count = SystemCall.retryingInterrupted { pwrite(fd, bytes.baseAddress, bytes.count, offset) }
        guard count > 0 else { throw failure("pwrite") }
        return count
    }

    func sync() throws(DiskError) {
        // Not repeated after EINTR either: a failed sync may have dropped the dirty pages.
        guard fdatasync(fd) == 0 else { throw failure("fdatasync") }
    }

    func truncate(to size: Int) throws(DiskError) {
        guard SystemCall.retryingInterrupted({ ftruncate(fd, size) }) == 0 else { throw failure("ftruncate") }
    }

    func allocate(from offset: Int, byteCount: Int) throws(DiskError) {
        let result = SystemCall.retryingInterrupted {
            clinux_fallocate(fd, Int64(offset), Int64(byteCount))
        }
        guard result == 0 else { throw failure("fallocate") }
    }

    func lock() throws(DiskError) {
        guard SystemCall.retryingInterrupted({ flock(fd, LOCK_EX | LOCK_NB) }) == 0 else { throw failure("flock") }
    }

    func namedStamp() throws(DiskError) -> FileStamp? {
        var named = stat()
        guard stat(path, &named) == 0 else {
            if errno == ENOENT || errno == ENOTDIR { return nil }
            throw failure("stat")
        }
        return named.st_dev == device && named.st_ino == inode ? FileStamp(named) : nil
    }

    private func failure(_ call: String) -> DiskError {
        DiskError(call: call, path: path, errno: errno)
    }
}

extension FileStamp {
    fileprivate init(_ status: stat) {
        let changed = Int64(status.st_mtim.tv_sec) * 1_000_000_000 + Int64(status.st_mtim.tv_nsec)
        self.init(inode: UInt64(status.st_ino), size: Int(status.st_size), changed: changed)
    }
}

/// Returns the folder of `path`, which may end with a slash.
package func parentFolder(of path: String) -> String {
    var path = Substring(path)
    while path.count > 1, path.last == "/" { path = path.dropLast() }
    guard let slash = path.lastIndex(of: "/") else { return "." }
    return slash == path.startIndex ? "/" : String(path[..<slash])
}
