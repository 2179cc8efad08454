/// When a program leaves its server for another one: its questions stay without an answer.
///
/// A server that is cut off from the others keeps its clients, and answers nothing, or that there is no leader. When all are
/// without a leader, another server answers nothing either, so each time the wait is longer.
///
/// Only questions count that were asked on the present connection, and after the last one of their kind with an answer: the
/// deadline of an older one may have passed although this server answers.
///
/// Pure.
package struct ServerPatience: Sendable {
    package enum Question: Sendable {
        case publish
        /// A server that is cut off still answers reads for a while.
        case read
    }

    /// Longer than any question has, so that one alone is not enough.
    private static let shortest = Duration.seconds(12)
    private static let longest = Duration.seconds(60)

    /// When the connection was made; nil without one.
    private var connectedAt: ContinuousClock.Instant?
    private var answeredAt: [Question: ContinuousClock.Instant] = [:]
    /// When the first question that counts was asked.
    private var since: [Question: ContinuousClock.Instant] = [:]
    private var limit = shortest

    package init() {}

    package mutating func didConnect(at now: ContinuousClock.Instant) {
        connectedAt = now
        since = [:]
    }

    package mutating func didDisconnect() { connectedAt = nil }

    /// Takes the outcome of a question.
    ///
    /// - Returns: whether the server is to be left now.
    package mutating func didAsk(
        _ question: Question, at asked: ContinuousClock.Instant, isAnswered: Bool, now: ContinuousClock.Instant
    ) -> Bool {
        if isAnswered {
            answeredAt[question] = now
            since[question] = nil
            if since.isEmpty { limit = Self.shortest }
            return false
        }
        guard let connectedAt, asked >= max(connectedAt, answeredAt[question] ?? connectedAt) else { return false }
        let start = since[question] ?? asked
        since[question] = start
        guard start.duration(to: now) >= limit else { return false }
        since = [:]
        limit = min(limit * 2, Self.longest)
        return true
    }
}
