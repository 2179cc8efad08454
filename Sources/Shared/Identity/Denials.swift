package import Domain

/// The denied peers, gathered for the log of events: at most one event in ten seconds.
///
/// Pure.
package struct Denials: Sendable {
    /// The denials since the last event.
    package struct Summary: Equatable, Sendable {
        package var count = 0
        /// The agencies that the peers named, and their addresses: at most ``maxListed`` of each.
        package var agencies: Set<AgencyID> = []
        package var addresses: Set<String> = []
        /// Of the first denial.
        package var reason = ""
    }

    package static let maxListed = 10
    private static let interval = Duration.seconds(10)

    /// Since the start.
    private(set) var total = 0
    private var summary = Summary()
    private var lastTaken: ContinuousClock.Instant?

    mutating func add(_ agency: AgencyID?, _ peer: Peer, reason: String) {
        total += 1
        if summary.count == 0 { summary.reason = reason }
        summary.count += 1
        if let agency, summary.agencies.count < Self.maxListed { summary.agencies.insert(agency) }
        if let address = peer.address, summary.addresses.count < Self.maxListed {
            summary.addresses.insert(address.description)
        }
    }

    /// Whether there are denials, and the last event is at least ten seconds old.
    func isEventDue(at now: ContinuousClock.Instant) -> Bool {
        summary.count > 0 && lastTaken.map { now - $0 >= Self.interval } ?? true
    }

    /// Takes the denials for an event; nil without any.
    mutating func take(at now: ContinuousClock.Instant) -> Summary? {
        guard summary.count > 0 else { return nil }
        defer {
            summary = Summary()
            lastTaken = now
        }
        return summary
    }
}
