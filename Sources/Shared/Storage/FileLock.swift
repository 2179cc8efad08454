private import Glibc
import Platform

/// An exclusive `flock(2)` on a dedicated lock file.
///
/// It belongs to this open file, not to the process: two locks in one process exclude each other. The kernel releases
/// it when the holder dies.
///
/// `fcntl` locks are wrong here: they belong to the process, and closing any descriptor of the file releases them.
package final class FileLock: Sendable {
    private let fd: Int32
    package let path: String

    /// Takes the lock, retrying until the deadline.
    ///
    /// Blocks up to `deadline`; not for event loops.
    ///
    /// - Parameters:
    ///   - holder: a line about this process, written into the file for processes that do not get the lock.
    ///   - deadline: how long to try; at least one attempt is made.
    ///   - isStopping: checked between attempts; true ends them early.
    /// - Throws: ``FileLockError/held(path:holder:)`` if another open file holds the lock, ``FileLockError/disk(_:)``
    ///   if the file cannot be opened or locked.
    package init(
        _ path: String, holder: String, deadline: Duration, isStopping: () -> Bool = { false }
    ) throws(FileLockError) {
        let end = ContinuousClock.now + deadline
        while true {
            let fd = try Self.open(path)
            let code = Self.lock(fd, at: path)
            if code == 0 {
                self.fd = fd
                break
            }
            let holder = Self.readHolder(fd)
            close(fd)
            if code == ESTALE { continue }
            guard code == EWOULDBLOCK else { throw .disk(DiskError(call: "flock", path: path, errno: code)) }
            guard ContinuousClock.now < end, !isStopping() else { throw .held(path: path, holder: holder) }
            usleep(20_000)
        }
        self.path = path
        let line = Array((holder + "\n").utf8)
        _ = ftruncate(fd, 0)
        _ = pwrite(fd, line, line.count, 0)  // for people; the lock does not depend on it
    }

    /// Closes the descriptor, with which the kernel releases the lock.
    deinit {
        close(fd)
    }

    private static func open(_ path: String) throws(FileLockError) -> Int32 {
        let flags = O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK
        let fd = SystemCall.retryingInterrupted { Glibc.open(path, flags, 0o600) }
        guard fd >= 0 else { throw .disk(DiskError(call: "open", path: path, errno: errno)) }
        return fd
    }

    /// Locks an open file if its path still names it.
    ///
    /// The lock of a file that was removed or replaced since it was opened excludes nobody.
    ///
    /// - Returns: 0, `ESTALE` if the path names another file or none, or the error number of `flock`.
    static func lock(_ fd: Int32, at path: String) -> Int32 {
        guard SystemCall.retryingInterrupted({ flock(fd, LOCK_EX | LOCK_NB) }) == 0 else { return errno }
        return isNamed(fd, path) ? 0 : ESTALE
    }

    private static func isNamed(_ fd: Int32, _ path: String) -> Bool {
        var (open, named) = (stat(), stat())
        return fstat(fd, &open) == 0 && stat(path, &named) == 0 && open.st_dev == named.st_dev
            && open.st_ino == named.st_ino
    }

    private static func readHolder(_ fd: Int32) -> String {
        var line = [UInt8](repeating: 0, count: 256)
        let count = max(0, pread(fd, &line, line.count, 0))
        let text = String(decoding: line[..<count], as: UTF8.self)
        return text.split(separator: "\n").first.map(String.init) ?? "unknown"
    }
}

/// The reason that a lock could not be taken.
package enum FileLockError: Error, Equatable, Sendable, CustomStringConvertible {
    case held(path: String, holder: String)
    case disk(DiskError)

    package var description: String {
        switch self {
        case .held(let path, let holder):
            "\(path) is held by \(holder); one ingest service at a time may use a data folder: "
                + "stop that one, or give this one another folder (data in config.yaml, or --data)"
        case .disk(let error):
            "the lock cannot be taken: \(error)"
        }
    }
}
