import DequeModule
import Domain
import WireProtocol

/// The connections of a draw on this node, and their requests without an answer, in order.
///
/// The engine answers in any order; a connection gets its answers in the order of its requests.
///
/// Pure.
///
/// Isolation: the committer thread.
struct StreamSenders {
    /// A request without an answer.
    private struct Pending {
        /// Of a chunk; 0 for a HELLO.
        var sequence: UInt32?
        /// Keeps the frame's memory reserved until the answer.
        var chunk: CheckedChunk?
        var decision: Decision?
        var since: ContinuousClock.Instant
    }

    private struct Sender {
        let requester: any Requester
        /// The agency's version of the protocol.
        var version: UInt8 = 0
        var agency: AgencyID?
        var pending: Deque<Pending> = []
        /// Whether its final decision was made: nothing more is answered.
        var isFinal = false
        /// Whether it is released after its last decision: its session says nothing more.
        var isLeaving = false
    }

    private var senders: [UInt64: Sender] = [:]
    private var ids: [ObjectIdentifier: UInt64] = [:]
    private var owners: [AgencyID: UInt64] = [:]
    private var last: UInt64 = 0
    /// Senders whose first request has its decision.
    private var ready: Set<UInt64> = []

    /// When the oldest request without an answer was made; nil without any.
    var oldest: ContinuousClock.Instant? { senders.values.compactMap(\.pending.first?.since).min() }

    /// Adds a HELLO.
    ///
    /// - Returns: the connection's number.
    mutating func join(
        _ requester: any Requester, _ agency: AgencyID, version: UInt8, at now: ContinuousClock.Instant
    ) -> UInt64 {
        last += 1
        var sender = Sender(requester: requester, version: version, agency: agency)
        sender.pending.append(Pending(sequence: 0, since: now))
        senders[last] = sender
        ids[ObjectIdentifier(requester)] = last
        return last
    }

    /// Adds a chunk.
    ///
    /// - Returns: the connection's number; nil if nothing more is answered there.
    mutating func send(
        _ chunk: CheckedChunk, of requester: any Requester, at now: ContinuousClock.Instant
    ) -> UInt64? {
        guard let id = ids[ObjectIdentifier(requester)], senders[id]?.isFinal == false else { return nil }
        senders[id]?.pending.append(Pending(sequence: chunk.chunk.sequence, chunk: chunk, since: now))
        return id
    }

    /// Adds a decision that the session made, after those before it.
    ///
    /// - Parameter isLeaving: whether the connection is released after it.
    /// - Returns: false for a connection that has not joined.
    mutating func decide(
        _ decision: Decision, for requester: any Requester, isLeaving: Bool, at now: ContinuousClock.Instant
    ) -> Bool {
        guard let id = ids[ObjectIdentifier(requester)] else { return false }
        if isLeaving { senders[id]?.isLeaving = true }
        senders[id]?.pending.append(Pending(decision: decision, since: now))
        ready.insert(id)
        return true
    }

    /// Releases a connection that has ended; its requests need no answer.
    mutating func leave(_ requester: any Requester) {
        if let id = ids[ObjectIdentifier(requester)] { release(id) }
    }

    private mutating func release(_ id: UInt64) {
        guard let sender = senders.removeValue(forKey: id) else { return }
        ids[ObjectIdentifier(sender.requester)] = nil
        if let agency = sender.agency, owners[agency] == id { owners[agency] = nil }
        ready.remove(id)
    }

    /// Releases every connection.
    mutating func removeAll() { self = StreamSenders() }

    /// The chunk with a sequence that has no decision yet.
    func chunk(_ sequence: UInt32, of id: UInt64) -> CheckedChunk? {
        senders[id]?.pending.first { $0.decision == nil && $0.sequence == sequence }?.chunk
    }

    func requester(of id: UInt64) -> (any Requester)? { senders[id]?.requester }

    /// The agency of a connection, and its version of the protocol.
    func joined(_ id: UInt64) -> (agency: AgencyID, version: UInt8)? {
        senders[id].flatMap { sender in sender.agency.map { ($0, sender.version) } }
    }

    /// Sets the decision on a chunk, or on a HELLO with sequence 0.
    mutating func resolve(_ sequence: UInt32, of id: UInt64, _ decision: Decision) {
        guard let index = senders[id]?.pending.firstIndex(where: { $0.decision == nil && $0.sequence == sequence })
        else { return }
        senders[id]?.pending[index].decision = decision
        ready.insert(id)
    }

    /// Ends a connection with its final decision; its other requests get none.
    mutating func end(_ id: UInt64, _ decision: Decision) {
        guard let sender = senders[id], !sender.isFinal else { return }
        senders[id]?.pending.removeAll { $0.decision == nil }
        senders[id]?.pending.append(Pending(decision: decision, since: .now))
        senders[id]?.isFinal = true
        ready.insert(id)
    }

    /// Makes a connection the agency's sender on this node.
    ///
    /// - Returns: the connection that was.
    mutating func own(_ agency: AgencyID, _ id: UInt64) -> UInt64? {
        let previous = owners.updateValue(id, forKey: agency)
        return previous == id ? nil : previous
    }

    /// Takes the decisions that may be delivered, in the order of each connection's requests.
    mutating func takeDecisions() -> [(decision: Decision, requester: any Requester)] {
        var taken: [(Decision, any Requester)] = []
        for id in ready.sorted() {
            guard let requester = senders[id]?.requester else { continue }
            while let decision = senders[id]?.pending.first?.decision {
                senders[id]?.pending.removeFirst()
                taken.append((decision, requester))
            }
            if let sender = senders[id], sender.isLeaving, sender.pending.isEmpty { release(id) }
        }
        ready = []
        return taken
    }
}
