private import CLinux
private import Glibc

/// What every caller of the system needs.
package enum SystemCall {
    /// Repeats a call as long as a signal interrupts it.
    @inline(__always)
    static func retryingInterrupted<Value: SignedInteger>(_ call: () -> Value) -> Value {
        while true {
            let result = call()
            if result != -1 || errno != EINTR { return result }
        }
    }

    /// Makes freed frames leave the process, so that its memory stays below the ceiling.
    ///
    /// First thing in a service.
    package static func returnLargeBlocks() {
        clinux_return_large_blocks()
    }

    /// Takes what only starting needed of the program's file out of memory: 4 to 5 of 16 MB.
    ///
    /// Once a service listens. What runs again is mapped again.
    package static func forgetStartupPages() {
        clinux_forget_startup_pages()
    }

    /// Writes all bytes, however short each write is.
    ///
    /// Blocks.
    ///
    /// - Returns: false where a write failed; errno says why.
    @discardableResult
    static func writeAll(_ bytes: [UInt8], to fd: Int32) -> Bool {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { buffer in
                retryingInterrupted { write(fd, buffer.baseAddress, buffer.count) }
            }
            if count <= 0 { return false }
            rest = rest.dropFirst(count)
        }
        return true
    }

    /// What strerror(3) says, with the number.
    package static func errorText(_ code: Int32) -> String {
        "\(String(cString: strerror(code))) (errno \(code))"
    }

    /// The server's clock: milliseconds since 1970.
    @Sendable
    package static func unixMilliseconds() -> UInt64 {
        var now = timespec()
        clock_gettime(CLOCK_REALTIME, &now)
        return UInt64(now.tv_sec) * 1000 + UInt64(now.tv_nsec) / 1_000_000
    }

    /// A name for a file of this process in the folder for temporary files.
    package static func temporaryPath(_ name: String) -> String {
        let folder = getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp"
        return "\(folder)/\(name)-\(getpid())"
    }

    /// This process, across containers too: for example `4711 on ingest-host`.
    package static func processName() -> String {
        var name = [CChar](repeating: 0, count: 256)
        gethostname(&name, name.count - 1)
        let host = String(decoding: name.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        return "\(getpid()) on \(host)"
    }
}
