/// Exponential back-off with jitter: each delay doubles up to a maximum, less up to a random half.
///
/// The jitter keeps agencies that failed together from reconnecting together.
///
/// Pure; the caller supplies the random number generator.
struct RetryPolicy: Sendable {
    let initial: Duration
    let max: Duration
    private var next: Duration

    init(initial: Duration, max: Duration) {
        self.initial = initial
        self.max = max
        next = min(initial, max)
    }

    /// Returns the next delay: between half of the current step and all of it.
    mutating func nextDelay(using dice: inout some RandomNumberGenerator) -> Duration {
        let step = next
        next = min(step * 2, max)
        return step * Double.random(in: 0.5...1, using: &dice)
    }

    /// Restarts the delays, after an answer.
    mutating func reset() {
        next = min(initial, max)
    }
}
