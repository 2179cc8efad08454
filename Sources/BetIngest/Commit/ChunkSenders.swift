import Domain

/// Where the chunks of agencies of dialects came from: what tells whose END it is on a connection that names no agency.
///
/// Pure. In memory only, one place for each agency.
struct ChunkSenders: Sendable {
    private struct Place: Sendable {
        var unfinished: Set<AgencyID> = []
        var finished: Set<AgencyID> = []
    }

    private struct Sender: Sendable {
        var place: String
        /// Chunks on the connection that it uses now, or used last.
        var connectionChunks = 0
    }

    private var places: [String: Place] = [:]
    private var senders: [AgencyID: Sender] = [:]

    /// A chunk of an unfinished agency came.
    ///
    /// - Parameter place: where agencies are told apart from those of other places, for example dialect and address.
    mutating func sent(_ agency: AgencyID, from place: String, isNewConnection: Bool) {
        var sender = senders[agency] ?? Sender(place: place)
        if sender.place != place { leave(sender.place, agency) }
        sender.place = place
        sender.connectionChunks = isNewConnection ? 1 : sender.connectionChunks + 1
        senders[agency] = sender
        places[place, default: Place()].unfinished.insert(agency)
    }

    mutating func finished(_ agency: AgencyID) {
        guard let place = senders[agency]?.place, places[place]?.unfinished.remove(agency) != nil else { return }
        places[place]?.finished.insert(agency)
    }

    /// The unfinished agencies that have sent from a place.
    func unfinished(at place: String) -> Set<AgencyID> {
        places[place]?.unfinished ?? []
    }

    /// An agency at a place that has finished: if all there have, a nameless END repeats that of one of them.
    func finishedAgency(at place: String) -> AgencyID? {
        places[place]?.finished.min()
    }

    /// Where an agency's chunks come from.
    func place(of agency: AgencyID) -> String? { senders[agency]?.place }

    /// Whether the agency's connection before carried one chunk, as those of programs with a connection for each message.
    func sentOneChunk(_ agency: AgencyID) -> Bool { senders[agency]?.connectionChunks == 1 }

    private mutating func leave(_ place: String, _ agency: AgencyID) {
        places[place]?.unfinished.remove(agency)
        if let left = places[place], left.unfinished.isEmpty, left.finished.isEmpty { places[place] = nil }
    }
}
