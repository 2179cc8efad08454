import Domain
import ReplicatedLedger

/// The reads that tell a node how far the agencies of other nodes are.
///
/// The counts of messages tell which agencies have sent something. An agency whose count has not changed between two looks
/// may have an end, so its last message is read.
///
/// Pure.
///
/// Isolation: the committer thread.
struct StreamLook {
    private struct Seen {
        var count = 0
        /// The looks since the last message was read at this count; nil before.
        var looksSinceRead: Int?
        var isInFlight = false
    }

    private var seen: [AgencyID: Seen] = [:]
    private static let maxReads = 64
    /// A read may have been old, so it is made again after this many looks.
    private static let looksBetweenReads = 5

    /// Takes the counts of all agencies.
    ///
    /// - Parameter isKnown: whether the agency's end is known.
    /// - Returns: the agencies whose last message is to be read, and whether anything has changed since the last look.
    mutating func take(_ counted: StreamCounts, isKnown: (AgencyID) -> Bool) -> (read: [AgencyID], isChanged: Bool) {
        var read: [AgencyID] = []
        var isChanged = false
        for (subject, count) in counted.messages {
            guard let agency = EngineStream.agency(ofSubject: subject), !isKnown(agency) else { continue }
            var agencySeen = seen[agency] ?? Seen()
            if agencySeen.count != count {
                agencySeen = Seen(count: count, isInFlight: agencySeen.isInFlight)
                isChanged = true
            } else if let looks = agencySeen.looksSinceRead, looks < Self.looksBetweenReads {
                agencySeen.looksSinceRead = looks + 1
            } else if !agencySeen.isInFlight {
                isChanged = isChanged || agencySeen.looksSinceRead == nil
                if read.count < Self.maxReads {
                    read.append(agency)
                    agencySeen.isInFlight = true
                }
            }
            seen[agency] = agencySeen
        }
        return (read, isChanged)
    }

    /// Takes the outcome of a read.
    mutating func didRead(_ agency: AgencyID, isAnswered: Bool) {
        seen[agency]?.isInFlight = false
        if isAnswered { seen[agency]?.looksSinceRead = 0 }
    }
}
