import Domain
import ReplicatedLedger

/// The reads that tell a node how far the agencies of other nodes are.
///
/// The counts of messages tell which agencies have sent something. An agency whose count has not changed for longer than
/// usual may have an end, so its last message is read: that is a whole message, as large as its chunks.
///
/// Pure.
///
/// Isolation: the committer thread.
struct StreamLook {
    private struct Seen {
        var count = 0
        /// When the count was first seen.
        var since: ContinuousClock.Instant
        /// The time for which counts before it stayed.
        var usual = Duration.zero
        /// When the last message was read at this count; nil before.
        var readAt: ContinuousClock.Instant?
        var isInFlight = false
    }

    /// Whether the counts are asked for.
    var isAsking = false
    private var seen: [AgencyID: Seen] = [:]
    private static let maxReads = 64
    private static let longestQuiet = Duration.seconds(2)
    /// A read may have been old, so it is made again.
    private static let readAgain = Duration.seconds(5)

    /// Takes the counts of all agencies.
    ///
    /// - Parameter isKnown: whether the agency's end is known.
    /// - Returns: the agencies whose last message is to be read, and whether a count has changed, or has not been read since.
    mutating func take(
        _ counted: StreamCounts, at now: ContinuousClock.Instant, isKnown: (AgencyID) -> Bool
    ) -> (read: [AgencyID], isActive: Bool) {
        var read: [AgencyID] = []
        var isActive = false
        for (subject, count) in counted.messages {
            guard let agency = EngineStream.agency(ofSubject: subject), !isKnown(agency) else { continue }
            var agencySeen = seen[agency] ?? Seen(since: now)
            let quiet = agencySeen.since.duration(to: now)
            if agencySeen.count != count {
                let usual = max(quiet, agencySeen.usual / 2)
                agencySeen = Seen(count: count, since: now, usual: usual, isInFlight: agencySeen.isInFlight)
                isActive = true
            } else {
                isActive = isActive || agencySeen.readAt == nil
                let isDue =
                    agencySeen.readAt.map { $0.duration(to: now) >= Self.readAgain }
                    ?? (quiet >= min(agencySeen.usual * 2, Self.longestQuiet))
                if isDue, !agencySeen.isInFlight, read.count < Self.maxReads {
                    read.append(agency)
                    agencySeen.isInFlight = true
                }
            }
            seen[agency] = agencySeen
        }
        return (read, isActive)
    }

    /// Takes the outcome of a read.
    mutating func didRead(_ agency: AgencyID, isAnswered: Bool, at now: ContinuousClock.Instant) {
        seen[agency]?.isInFlight = false
        if isAnswered { seen[agency]?.readAt = now }
    }
}
