private import Glibc

/// The process's limit on open files, which bounds its connections.
package enum DescriptorLimit {
    /// Files other than connections: ledger, published files, lock, standard streams, event loops, and connections that
    /// are being rejected.
    private static let reserved = 128
    /// The files that a service opens before its first connection, with some to spare.
    private static let least = 64

    /// Raises the soft limit to the hard one, if the system allows it.
    ///
    /// - Returns: the number of connections for which the limit has room, at least 1.
    /// - Throws: ``ResourceLimitError`` if the limit is too low for the service itself.
    package static func raise() throws(ResourceLimitError) -> Int {
        var limit = rlimit()
        let resource = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
        guard getrlimit(resource, &limit) == 0 else { return 1024 - reserved }
        var raised = limit
        raised.rlim_cur = raised.rlim_max
        if setrlimit(resource, &raised) == 0 { limit = raised }
        let count = Int(clamping: limit.rlim_cur)
        guard count >= least else {
            throw ResourceLimitError(
                "the limit on open files is \(count) (ulimit -Hn); a service needs at least \(least)")
        }
        return max(1, count - reserved)
    }
}

/// The error that a limit of the machine leaves no room for the program.
package struct ResourceLimitError: Error, Equatable, Sendable, CustomStringConvertible {
    package let description: String

    package init(_ description: String) {
        self.description = description
    }
}
