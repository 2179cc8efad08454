import Domain

/// The origins of dialect agencies' chunks, which identify the agency of an END that names none.
///
/// Pure. In memory only.
struct ChunkSenders: Sendable {
    private struct Origin: Sendable {
        var unfinished: Set<AgencyID> = []
        var finished: Set<AgencyID> = []
    }

    private struct Sender: Sendable {
        var origin: String
        /// The chunks on its latest connection.
        var connectionChunks = 0
    }

    private var origins: [String: Origin] = [:]
    private var senders: [AgencyID: Sender] = [:]

    /// Records a chunk of an unfinished agency.
    ///
    /// - Parameter origin: dialect and address.
    mutating func sent(_ agency: AgencyID, from origin: String, isNewConnection: Bool) {
        var sender = senders[agency] ?? Sender(origin: origin)
        if sender.origin != origin { leave(sender.origin, agency) }
        sender.origin = origin
        sender.connectionChunks = isNewConnection ? 1 : sender.connectionChunks + 1
        senders[agency] = sender
        origins[origin, default: Origin()].unfinished.insert(agency)
    }

    mutating func finished(_ agency: AgencyID) {
        guard let origin = senders[agency]?.origin, origins[origin]?.unfinished.remove(agency) != nil else { return }
        origins[origin]?.finished.insert(agency)
    }

    func unfinished(at origin: String) -> Set<AgencyID> {
        origins[origin]?.unfinished ?? []
    }

    /// Returns the finished agency whose END a nameless END repeats, if all agencies of the origin have finished.
    func finishedAgency(at origin: String) -> AgencyID? {
        origins[origin]?.finished.min()
    }

    func origin(of agency: AgencyID) -> String? { senders[agency]?.origin }

    /// Whether the agency's program seems to open a connection for each message.
    func sentOneChunk(_ agency: AgencyID) -> Bool { senders[agency]?.connectionChunks == 1 }

    private mutating func leave(_ origin: String, _ agency: AgencyID) {
        origins[origin]?.unfinished.remove(agency)
        if let left = origins[origin], left.unfinished.isEmpty, left.finished.isEmpty { origins[origin] = nil }
    }
}
