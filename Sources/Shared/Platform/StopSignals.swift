private import Glibc

/// SIGTERM, SIGINT and SIGHUP, received by a thread that waits for them, because a handler may do almost nothing.
package enum StopSignals {
    /// Blocks the stop signals in this thread and in every thread that it starts from now on.
    ///
    /// SIGHUP is one of them unless it was ignored when the program started, as under `nohup`. A command that stops
    /// gracefully calls this first.
    package static func block() {
        var signals = stopSet
        pthread_sigmask(SIG_BLOCK, &signals, nil)
    }

    /// Calls `stop` with the first stop signal's name, on a dedicated thread.
    ///
    /// A second signal ends the process at once, with 128 + its number.
    ///
    /// - Parameter ignoresHangUp: whether SIGHUP is not a stop signal: the service reads its roster again without it.
    package static func watch(ignoresHangUp: Bool = false, _ stop: @escaping @Sendable (String) -> Void) {
        NamedThread("signals") {
            switch waitForNextSignal(ignoresHangUp) {
            case SIGINT: stop("SIGINT")
            case SIGHUP: stop("SIGHUP")
            default: stop("SIGTERM")
            }
            _exit(128 + waitForNextSignal(ignoresHangUp))
        }.detach()
    }

    private static func waitForNextSignal(_ ignoresHangUp: Bool) -> Int32 {
        var signals = stopSet
        var number: Int32 = 0
        repeat { sigwait(&signals, &number) } while ignoresHangUp && number == SIGHUP
        return number
    }

    private static var stopSet: sigset_t {
        var signals = sigset_t()
        sigemptyset(&signals)
        sigaddset(&signals, SIGTERM)
        sigaddset(&signals, SIGINT)
        // A blocked signal is kept for sigwait even if it is ignored, so an ignored SIGHUP must not be in the set.
        var hangUp = sigaction()
        sigaction(SIGHUP, nil, &hangUp)
        if unsafeBitCast(hangUp.__sigaction_handler.sa_handler, to: Int.self) != 1 { sigaddset(&signals, SIGHUP) }
        return signals
    }
}
