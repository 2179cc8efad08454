import Shared

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

    /// The agency that a nameless END from a place belongs to: the one there that has not finished.
    ///
    /// Where all there have, one of them repeats itself, and any of them will do.
    ///
    /// - Returns: nil where nobody has sent from there, or several have not finished.
    func sender(at place: String) -> AgencyID? {
        guard let place = places[place] else { return nil }
        return place.unfinished.isEmpty
            ? place.finished.min() : place.unfinished.count == 1 ? place.unfinished.first : nil
    }

    /// Whether the agency's connection before carried one chunk, as those of programs with a connection for each message.
    func sentOneChunk(_ agency: AgencyID) -> Bool { senders[agency]?.connectionChunks == 1 }

    private mutating func leave(_ place: String, _ agency: AgencyID) {
        places[place]?.unfinished.remove(agency)
        if let left = places[place], left.unfinished.isEmpty, left.finished.isEmpty { places[place] = nil }
    }
}
