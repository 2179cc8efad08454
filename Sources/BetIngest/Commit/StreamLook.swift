import DequeModule
import Domain
import ReplicatedLedger

/// The reads that tell a node how far the agencies of other nodes are.
///
/// Another node says when an agency has an end, and then its last message is read: that is a whole message, as large as
/// its chunks. That word may get lost. So the messages of all agencies are counted now and then, and an agency whose
/// count has not changed for longer than usual is read too.
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
    }

    /// When the messages are counted again.
    private(set) var next = ContinuousClock.now
    private var seen: [AgencyID: Seen] = [:]
    /// Agencies that are to be read, in order.
    private var due: Deque<AgencyID> = []
    /// Those of `due`.
    private var waiting: Set<AgencyID> = []
    /// Agencies of which a read has no outcome.
    private var reading: Set<AgencyID> = []
    /// Agencies whose end was told while they were read: the read may have been too early.
    private var again: Set<AgencyID> = []
    private static let maxReads = 64
    private static let delays = (usual: Duration.seconds(1), more: Duration.milliseconds(100))
    /// An engine that does not answer says so in less.
    private static let longestCount = Duration.seconds(60)
    private static let longestQuiet = Duration.seconds(2)
    /// A read may have been old, so it is made again.
    private static let readAgain = Duration.seconds(5)

    /// Takes the word of another node: these agencies have an end.
    mutating func hear(_ agencies: [AgencyID]) {
        for agency in agencies {
            if reading.contains(agency) { again.insert(agency) } else { add(agency) }
        }
    }

    /// Adds an agency that is to be read.
    private mutating func add(_ agency: AgencyID) {
        if waiting.insert(agency).inserted { due.append(agency) }
    }

    /// Begins to count; returns false if it is not time for that.
    mutating func begin(at now: ContinuousClock.Instant) -> Bool {
        guard now >= next else { return false }
        next = now + Self.longestCount
        return true
    }

    /// Takes the counts of all agencies; nil if the engine did not answer.
    ///
    /// - Parameter isKnown: whether the agency's end is known.
    mutating func take(
        _ counted: StreamCounts?, at now: ContinuousClock.Instant, isKnown: (AgencyID) -> Bool
    ) {
        next = now + Self.delays.usual
        var (unread, repeated): ([AgencyID], [AgencyID]) = ([], [])
        for (subject, count) in counted?.messages ?? [:] {
            guard let agency = EngineStream.agency(ofSubject: subject), !isKnown(agency) else { continue }
            var agencySeen = seen[agency] ?? Seen(since: now)
            let quiet = agencySeen.since.duration(to: now)
            if agencySeen.count != count {
                agencySeen = Seen(count: count, since: now, usual: max(quiet, agencySeen.usual / 2))
            } else {
                let isDue =
                    agencySeen.readAt.map { $0.duration(to: now) >= Self.readAgain }
                    ?? (quiet >= min(agencySeen.usual * 2, Self.longestQuiet))
                if isDue, !waiting.contains(agency), !reading.contains(agency) {
                    if agencySeen.readAt == nil { unread.append(agency) } else { repeated.append(agency) }
                }
            }
            seen[agency] = agencySeen
        }
        let room = max(0, Self.maxReads - due.count)
        for agency in (unread + repeated).prefix(room) { add(agency) }
        if unread.count > room { next = now + Self.delays.more }
    }

    /// Takes the agencies whose last message is to be read now.
    mutating func takeReads(isKnown: (AgencyID) -> Bool) -> [AgencyID] {
        var reads: [AgencyID] = []
        while reading.count < Self.maxReads, let agency = due.popFirst() {
            waiting.remove(agency)
            if isKnown(agency) { continue }
            reading.insert(agency)
            reads.append(agency)
        }
        return reads
    }

    /// Takes the outcome of a read.
    mutating func didRead(_ agency: AgencyID, isAnswered: Bool, at now: ContinuousClock.Instant) {
        reading.remove(agency)
        if again.remove(agency) != nil { add(agency) }
        if isAnswered { seen[agency]?.readAt = now }
    }
}
