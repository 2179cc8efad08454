private import Glibc

/// Writes a line to standard error: messages of commands that do not log.
package func writeError(_ text: String) {
    SystemCall.writeAll(Array((text + "\n").utf8), to: STDERR_FILENO)
}

/// Writes a line to standard output: results.
package func writeOutput(_ text: String) {
    SystemCall.writeAll(Array((text + "\n").utf8), to: STDOUT_FILENO)
}

/// A file to write results to, or standard output.
package final class OutputFile {
    private let fd: Int32
    private let path: String

    /// Makes the file, and empties it unless it is to be appended to; nil means standard output.
    package init(_ path: String?, appends: Bool = false) throws(DiskError) {
        self.path = path ?? "standard output"
        guard let path else {
            fd = STDOUT_FILENO
            return
        }
        fd = SystemCall.retryingInterrupted {
            open(path, O_WRONLY | O_CREAT | (appends ? O_APPEND : O_TRUNC) | O_CLOEXEC, 0o644)
        }
        if fd < 0 { throw DiskError(call: "open", path: path, errno: errno) }
    }

    deinit {
        if fd > STDERR_FILENO { close(fd) }
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
        guard SystemCall.writeAll(bytes, to: fd) else {
            throw DiskError(call: "write", path: path, errno: errno)
        }
    }

    /// Makes a file durable; does nothing for standard output.
    package func finish() throws(DiskError) {
        if fd > STDERR_FILENO, fsync(fd) != 0 {
            throw DiskError(call: "fsync", path: path, errno: errno)
        }
    }
}
