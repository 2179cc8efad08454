import Logging
import Shared

/// Where the chunks of agencies of dialects came from: what tells whose END it is on a connection that names no agency.
///
/// Pure. In memory only, one address for each agency.
struct ChunkSenders: Sendable {
    private struct Place: Sendable {
        var unfinished: Set<AgencyID> = []
        /// The agency whose chunk came last.
        var last: AgencyID
    }

    private struct Sender: Sendable {
        var address: String
        /// Chunks on the connection that it uses now, or used last.
        var connectionChunks = 0
    }

    private var places: [String: Place] = [:]
    private var senders: [AgencyID: Sender] = [:]

    /// A chunk of an unfinished agency came.
    ///
    /// - Parameter address: a place where each agency is told apart from those of other places; any text.
    mutating func sent(_ agency: AgencyID, from address: String, isNewConnection: Bool) {
        var sender = senders[agency] ?? Sender(address: address)
        if sender.address != address { leave(sender.address, agency) }
        sender.address = address
        sender.connectionChunks = isNewConnection ? 1 : sender.connectionChunks + 1
        senders[agency] = sender
        places[address, default: Place(last: agency)].unfinished.insert(agency)
        places[address]?.last = agency
    }

    mutating func finished(_ agency: AgencyID) {
        guard let address = senders[agency]?.address else { return }
        places[address]?.unfinished.remove(agency)
    }

    /// The agency that a nameless END from an address belongs to: the one that has not finished; where all have, the
    /// last one, which repeats itself.
    ///
    /// - Returns: nil where there is none, or several have not finished.
    func sender(at address: String) -> AgencyID? {
        guard let place = places[address] else { return nil }
        if place.unfinished.isEmpty { return place.last }
        return place.unfinished.count == 1 ? place.unfinished.first : nil
    }

    /// How loudly a new connection of an agency is logged.
    ///
    /// - Parameter isUsual: its dialect has a connection for each message.
    /// - Returns: INFO where its connection before carried one chunk, as programs with a connection for each message do;
    ///   they exist in two of the dialects. Else WARNING: something broke, and a chunk may be stored twice.
    func levelOfReconnection(_ agency: AgencyID, isUsual: Bool) -> Logger.Level {
        if isUsual { return .debug }
        return senders[agency]?.connectionChunks == 1 ? .info : .warning
    }

    private mutating func leave(_ address: String, _ agency: AgencyID) {
        places[address]?.unfinished.remove(agency)
        if let place = places[address], place.unfinished.isEmpty, place.last == agency { places[address] = nil }
    }
}
