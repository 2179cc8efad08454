private import Glibc

/// The process's limit on open files, which is its limit on connections.
package enum DescriptorLimit {
    /// Raises the soft limit to the hard one.
    ///
    /// Nothing happens where the system refuses: the accept loop backs off then.
    package static func raise() {
        var limit = rlimit()
        let resource = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
        guard getrlimit(resource, &limit) == 0 else { return }
        limit.rlim_cur = limit.rlim_max
        _ = setrlimit(resource, &limit)
    }
}
