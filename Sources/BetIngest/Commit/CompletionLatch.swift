private import Synchronization

/// A latch that counts agencies down to the draw.
///
/// Isolation: any thread. The decrement releases what the caller wrote before it (the durable last chunk), and the
/// exchange of the flag acquires it: a thread that sees the flag sees every agency's last chunk.
final class CompletionLatch: Sendable {
    private let remaining: Atomic<Int>
    private let isDone: Atomic<Bool>
    private let onDone: @Sendable () -> Void

    /// Makes a latch; with 0 `remaining` agencies it is done at once.
    ///
    /// - Parameter onDone: called exactly once, by the thread of the last agency; must not block.
    init(remaining: Int, onDone: @escaping @Sendable () -> Void) {
        precondition(remaining >= 0, "\(remaining) agencies remain")
        self.remaining = Atomic(remaining)
        self.isDone = Atomic(false)
        self.onDone = onDone
        if remaining == 0 { flip() }
    }

    /// Counts an agency whose last chunk is durable.
    ///
    /// - Returns: the number of unfinished agencies.
    /// - Precondition: no agency is counted twice.
    @discardableResult
    func countDown() -> Int {
        let left = remaining.subtract(1, ordering: .acquiringAndReleasing).newValue
        precondition(left >= 0, "more agencies finished than there are")
        if left == 0 { flip() }
        return left
    }

    private func flip() {
        let (isFirst, _) = isDone.compareExchange(
            expected: false, desired: true, ordering: .acquiringAndReleasing)
        if isFirst { onDone() }
    }
}
