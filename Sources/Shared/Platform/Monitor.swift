private import Glibc

/// A value protected by a mutex, with a condition to wait for.
///
/// The blocking queue, the committer and the main threads are built on it. For a value that no thread waits for,
/// `NIOLockedValueBox` is enough.
///
/// Isolation: any thread; never waits on an event loop. Sendable is unchecked with this proof: `state` is accessed only
/// between lock and unlock of `mutex`, all inside this file, and no function here exposes it.
package final class Monitor<State: ~Copyable>: @unchecked Sendable {
    private var state: State
    private let mutex: UnsafeMutablePointer<pthread_mutex_t>
    private let condition: UnsafeMutablePointer<pthread_cond_t>

    package init(_ state: consuming sending State) {
        self.state = state
        mutex = .allocate(capacity: 1)
        condition = .allocate(capacity: 1)
        pthread_mutex_init(mutex, nil)
        var attributes = pthread_condattr_t()
        pthread_condattr_init(&attributes)
        pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC)  // a changed clock does not move deadlines
        pthread_cond_init(condition, &attributes)
        pthread_condattr_destroy(&attributes)
    }

    deinit {
        pthread_cond_destroy(condition)
        pthread_mutex_destroy(mutex)
        condition.deallocate()
        mutex.deallocate()
    }

    /// Runs `body` with the value.
    ///
    /// Wakes no thread; the caller does, after unlocking, with ``wakeOne()`` or ``wakeAll()``.
    package func withLock<Result, Failure: Error>(
        _ body: (inout State) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        return try body(&state)
    }

    /// Waits until `body`, which runs at once and after every wake, returns a value.
    ///
    /// - Parameter deadline: nil waits forever; at the deadline `body` runs a last time.
    /// - Returns: the value of `body`, nil only at the deadline.
    package func wait<Result>(
        until deadline: ContinuousClock.Instant? = nil, for body: (inout State) -> Result?
    ) -> Result? {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        while true {
            if let result = body(&state) { return result }
            guard let deadline else {
                pthread_cond_wait(condition, mutex)
                continue
            }
            let remaining = ContinuousClock.now.duration(to: deadline)
            guard remaining > .zero else { return nil }
            var end = timespec()
            clock_gettime(CLOCK_MONOTONIC, &end)
            end.add(remaining)
            pthread_cond_timedwait(condition, mutex, &end)
        }
    }

    package func wakeOne() {
        pthread_cond_signal(condition)
    }

    package func wakeAll() {
        pthread_cond_broadcast(condition)
    }
}

extension timespec {
    fileprivate mutating func add(_ duration: Duration) {
        let nanoseconds = Int64(tv_nsec) + duration.components.attoseconds / 1_000_000_000
        tv_sec += Int(duration.components.seconds + nanoseconds / 1_000_000_000)
        tv_nsec = Int(nanoseconds % 1_000_000_000)
    }
}
