private import Glibc

/// SIGTERM and SIGINT, taken by a thread that waits for them instead of a handler that may do next to nothing.
package enum StopSignals {
    /// Blocks the stop signals in this thread and in every thread that it starts from now on, and ignores SIGPIPE.
    ///
    /// First thing in `main`.
    package static func block() {
        var signals = stopSet
        pthread_sigmask(SIG_BLOCK, &signals, nil)
        signal(SIGPIPE, SIG_IGN)
    }

    /// Calls `stop` with the first stop signal's name, on a thread of its own.
    ///
    /// A second signal ends the process at once, with 128 + its number.
    package static func watch(_ stop: @escaping @Sendable (String) -> Void) {
        NamedThread("signals") {
            stop(waitForNextSignal() == SIGINT ? "SIGINT" : "SIGTERM")
            _exit(128 + waitForNextSignal())
        }.detach()
    }

    private static func waitForNextSignal() -> Int32 {
        var signals = stopSet
        var number: Int32 = 0
        sigwait(&signals, &number)
        return number
    }

    private static var stopSet: sigset_t {
        var signals = sigset_t()
        sigemptyset(&signals)
        sigaddset(&signals, SIGTERM)
        sigaddset(&signals, SIGINT)
        return signals
    }
}
