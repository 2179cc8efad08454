/// When a program leaves its server for another one: for a while, nothing that it asked was answered.
///
/// A server that is cut off from the others keeps its clients, and answers nothing, or that there is no leader. While there
/// is none anywhere, another server answers nothing either, so each time the wait is longer.
///
/// Pure.
package struct ServerPatience: Sendable {
    package enum Question: Sendable {
        case publish
        /// A server that is cut off still answers reads for a while.
        case read
    }

    private static let shortest = Duration.seconds(10)
    private static let longest = Duration.seconds(60)

    /// When the first question without an answer was asked, since the last one with an answer.
    private var since: [Question: ContinuousClock.Instant] = [:]
    private var limit = shortest

    package init() {}

    /// Takes the outcome of a question.
    ///
    /// - Returns: whether the server is to be left now.
    package mutating func didAsk(
        _ question: Question, at asked: ContinuousClock.Instant, isAnswered: Bool, now: ContinuousClock.Instant
    ) -> Bool {
        if isAnswered {
            since[question] = nil
            if since.isEmpty { limit = Self.shortest }
            return false
        }
        let start = since[question] ?? asked
        since[question] = start
        guard start.duration(to: now) >= limit else { return false }
        since = since.mapValues { _ in now }
        limit = min(limit * 2, Self.longest)
        return true
    }
}
