import Domain

/// Work that is tried again later, because the engine could not answer.
///
/// Pure.
///
/// Isolation: the committer thread.
struct StreamRetries {
    enum Retry {
        /// Decide again: the outcome of the agency's message is unknown.
        case publish(AgencyID, UInt64)
        case readLast(AgencyID)
        case search(AgencyID)
    }

    private var retries: [(at: ContinuousClock.Instant, retry: Retry)] = []

    /// When the next one is due; nil without any.
    var next: ContinuousClock.Instant? { retries.map(\.at).min() }

    mutating func add(_ retry: Retry, at time: ContinuousClock.Instant) { retries.append((time, retry)) }

    /// Takes those that are due, in the order in which they were added.
    mutating func takeDue(at now: ContinuousClock.Instant) -> [Retry] {
        defer { retries.removeAll { $0.at <= now } }
        return retries.filter { $0.at <= now }.map(\.retry)
    }
}
