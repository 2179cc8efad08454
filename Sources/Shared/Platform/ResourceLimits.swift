private import Glibc

/// Limits of the process other than the limit on open files.
package enum ResourceLimits {
    /// The limit on address space in bytes (`ulimit -v`); nil if unlimited.
    package static var addressSpaceBytes: Int? {
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(RLIMIT_AS.rawValue), &limit) == 0, limit.rlim_cur != rlim_t(bitPattern: -1)
        else { return nil }
        return Int(clamping: limit.rlim_cur)
    }

    /// Checks that the system has room for `count` more threads, by starting them all at once and ending them.
    ///
    /// Blocks until they have ended. Intended for libraries, which trap if a thread cannot be started.
    ///
    /// - Throws: ``ResourceLimitError`` with the reason.
    package static func checkThreads(_ count: Int) throws(ResourceLimitError) {
        let isOver = Monitor(false)
        var threads: [NamedThread] = []
        defer {
            isOver.withLock { $0 = true }
            isOver.wakeAll()
            for thread in threads { thread.join() }
        }
        for _ in 0..<count {
            threads.append(try NamedThread(trying: "probe") { _ = isOver.wait { $0 ? true : nil } })
        }
    }
}
