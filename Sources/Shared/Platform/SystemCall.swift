private import CLinux
private import Glibc

/// Helpers for all callers of the system.
package enum SystemCall {
    /// Repeats a call while signals interrupt it.
    @inline(__always)
    package static func retryingInterrupted<Value: SignedInteger>(_ call: () -> Value) -> Value {
        while true {
            let result = call()
            if result != -1 || errno != EINTR { return result }
        }
    }

    /// Makes the process return freed frames to the system, so that its memory stays below the limit.
    ///
    /// A service calls this first.
    package static func returnLargeBlocks() {
        clinux_tune_malloc()
    }

    /// Removes from memory the pages of the program's file that only starting needed: 4 to 5 of 16 MB.
    ///
    /// A service calls this once it listens. Pages that are used again are mapped again.
    package static func forgetStartupPages() {
        clinux_forget_startup_pages()
    }

    /// Writes all bytes, blocking; waits for a non-blocking descriptor.
    ///
    /// - Returns: the number of bytes written; fewer than all after a failure, and errno says why.
    @discardableResult
    package static func writeAll(_ bytes: [UInt8], to fd: Int32) -> Int {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { buffer in
                retryingInterrupted { write(fd, buffer.baseAddress, buffer.count) }
            }
            if count < 0, errno == EAGAIN {
                var descriptor = pollfd(fd: fd, events: Int16(POLLOUT), revents: 0)
                poll(&descriptor, 1, -1)
                continue
            }
            if count <= 0 { break }
            rest = rest.dropFirst(count)
        }
        return bytes.count - rest.count
    }

    /// Reads to the end, blocking.
    ///
    /// - Returns: nil after a failure; errno says why.
    package static func readAll(from fd: Int32) -> [UInt8]? {
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = buffer.withUnsafeMutableBytes { buffer in
                retryingInterrupted { read(fd, buffer.baseAddress, buffer.count) }
            }
            guard count >= 0 else { return nil }
            if count == 0 { return bytes }
            bytes += buffer[..<count]
        }
    }

    /// Returns the text of strerror(3) with the error's name, for example `No such file or directory (ENOENT)`.
    package static func errorText(_ code: Int32) -> String {
        let name = clinux_errno_name(code).map { String(cString: $0) } ?? "errno \(code)"
        return "\(String(cString: strerror(code))) (\(name))"
    }

    /// Whether the kernel considers the wall clock synchronised, as chrony and ntpd tell it.
    package static var isClockSynchronised: Bool { clinux_clock_is_synchronised() == 1 }

    /// Returns milliseconds since 1970; 0 if the machine's clock shows an earlier year.
    @Sendable
    package static func unixMilliseconds() -> UInt64 {
        var now = timespec()
        clock_gettime(CLOCK_REALTIME, &now)
        return now.tv_sec < 0 ? 0 : UInt64(now.tv_sec) * 1000 + UInt64(now.tv_nsec) / 1_000_000
    }

    /// Returns the UTC day, for example `1970-01-02`.
    static func day(_ milliseconds: UInt64) -> String {
        var seconds = time_t(milliseconds / 1000)
        var parts = tm()
        gmtime_r(&seconds, &parts)
        var buffer = [CChar](repeating: 0, count: 32)
        let count = strftime(&buffer, buffer.count, "%Y-%m-%d", &parts)
        return String(decoding: buffer[..<count].map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    /// The working folder; nil if it was removed.
    package static var workingFolder: String? {
        guard let path = getcwd(nil, 0) else { return nil }
        defer { free(path) }
        return String(cString: path)
    }

    /// Returns a path for this process in the folder for temporary files.
    package static func temporaryPath(_ name: String) -> String {
        let folder = getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp"
        return "\(folder)/\(name)-\(getpid())"
    }

    /// Returns a name that identifies this process, across containers too, for example `4711 on ingest-host`.
    package static func processName() -> String {
        var name = [CChar](repeating: 0, count: 256)
        gethostname(&name, name.count - 1)
        let host = String(decoding: name.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        return "\(getpid()) on \(host)"
    }
}
