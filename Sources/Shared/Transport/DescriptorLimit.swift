private import Glibc

/// The process's limit on open files, which bounds its connections.
package enum DescriptorLimit {
    /// Files that are no connections: ledger, published files, lock, standard streams, event loops, and connections that
    /// are being refused.
    private static let reserved = 128

    /// Raises the soft limit to the hard one, where the system lets it.
    ///
    /// - Returns: the connections that the limit has room for; 1 at least.
    package static func raise() -> Int {
        var limit = rlimit()
        let resource = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
        guard getrlimit(resource, &limit) == 0 else { return 1024 - reserved }
        var raised = limit
        raised.rlim_cur = raised.rlim_max
        if setrlimit(resource, &raised) == 0 { limit = raised }
        return max(1, Int(clamping: limit.rlim_cur) - reserved)
    }
}
