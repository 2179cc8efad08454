/// How long to wait before trying again: twice as long each time, up to a ceiling, less a random half so that agencies
/// that failed together do not come back together.
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

    /// The next delay: between half of the current step and all of it.
    mutating func nextDelay(using dice: inout some RandomNumberGenerator) -> Duration {
        let step = next
        next = min(step * 2, max)
        return step * Double.random(in: 0.5...1, using: &dice)
    }

    /// After an answer the delays start again.
    mutating func reset() {
        next = min(initial, max)
    }
}
