private import Synchronization

/// Counts agencies down to the draw and flips the done flag exactly once.
///
/// Isolation: any thread. The decrement releases what the caller wrote before it (the durable last chunk), the flag's
/// exchange acquires it: who sees the latch done sees every agency's end.
final class CompletionLatch: Sendable {
    private let remaining: Atomic<Int>
    private let isDone: Atomic<Bool>
    private let onDone: @Sendable () -> Void

    /// - Parameters:
    ///   - remaining: agencies that have not finished. With none the latch is done at once.
    ///   - onDone: called exactly once, by the thread of the last agency; must not block.
    init(remaining: Int, onDone: @escaping @Sendable () -> Void) {
        precondition(remaining >= 0, "\(remaining) agencies remain")
        self.remaining = Atomic(remaining)
        self.isDone = Atomic(false)
        self.onDone = onDone
        if remaining == 0 { flip() }
    }

    /// Counts one agency whose last chunk is durable.
    ///
    /// - Returns: agencies that have not finished.
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
