/// How long a publish may take before its outcome counts as unknown: longer when publishes take long.
///
/// A publish that is given up is read about and sent again; under load that makes the load larger. So the time is computed
/// from the times of earlier publishes, as TCP computes when to send again.
///
/// Pure.
///
/// Source: RFC 6298.
package struct PublishDeadline: Sendable {
    private static let shortest = Duration.seconds(2)
    private static let longest = Duration.seconds(10)

    /// The smoothed time of a publish, and its variation; nil before the first answer.
    private var times: (mean: Duration, variation: Duration)?
    package private(set) var duration = shortest

    package init() {}

    /// A publish was answered.
    package mutating func didAnswer(after time: Duration) {
        if let known = times {
            let difference = time < known.mean ? known.mean - time : time - known.mean
            times = ((known.mean * 7 + time) / 8, (known.variation * 3 + difference) / 4)
        } else {
            times = (time, time / 2)
        }
        if let times { duration = min(max(times.mean + times.variation * 4, Self.shortest), Self.longest) }
    }

    /// A publish was given up.
    ///
    /// - Parameter given: the time that it had; those of one moment have the same and count once.
    package mutating func didExpire(after given: Duration) {
        duration = min(max(duration, given * 2), Self.longest)
    }
}
