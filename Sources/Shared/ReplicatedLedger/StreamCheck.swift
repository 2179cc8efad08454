package import Domain
package import Ledger

/// The check of a whole stream before a draw is sealed: no message is missing, changed, repeated or out of order.
///
/// The engine may lose or repeat messages; a draw from such a stream would be wrong. So every agency's messages form a
/// chain, and a broken one names the agency, which sends again from its file.
///
/// Pure.
package struct StreamCheck {
    private struct Chain {
        var digest = AgencyMessage.noPrevious
        var standing = AgencyStanding()
        var sender: AgencyMessage.Sender?
        var isClosed = false
    }

    private var chains: [AgencyID: Chain] = [:]
    private var lastSequence: UInt64 = 0

    package init() {}

    /// Adds the next message of the stream.
    ///
    /// - Returns: its records.
    /// - Throws: ``ChainFault`` that names the agency.
    package mutating func add(_ message: AgencyMessage, sequence: UInt64) throws(ChainFault) -> [AgencyMessage.Record] {
        let agency = message.agency
        func fault(_ text: String) -> ChainFault { ChainFault("agency \(agency), message \(sequence): \(text)") }
        guard sequence == lastSequence + 1 else { throw fault("the stream lacks messages after \(lastSequence)") }
        lastSequence = sequence
        var chain = chains[agency] ?? Chain()
        guard message.previous == chain.digest else { throw fault("it does not follow the agency's message before it") }
        guard message.before == chain.standing else { throw fault("its totals are not those before it") }
        guard !chain.isClosed, !chain.standing.isFinished else { throw fault("it follows the agency's end") }
        if message.kind == .group, message.sender != chain.sender { throw fault("its sender has no session") }
        let (records, after): ([AgencyMessage.Record], AgencyStanding)
        do throws(ChainFault) {
            (records, after) = try message.checked()
        } catch {
            throw fault("\(error)")
        }
        guard message.kind == .group || records.isEmpty else { throw fault("it may have no records") }
        chain.digest = message.digest
        chain.standing = after
        chain.sender = message.sender
        chain.isClosed = message.kind == .close
        chains[agency] = chain
        return records
    }

    /// The agency's recorded position and totals.
    package subscript(agency: AgencyID) -> AgencyStanding { chains[agency]?.standing ?? AgencyStanding() }

    /// The expected agencies without an end; the draw is complete without any.
    package func unfinished(of agencies: DrawAgencies) -> [AgencyID] {
        agencies.members.filter { agency in
            guard let chain = chains[agency] else { return true }
            return !chain.isClosed && !chain.standing.isFinished
        }
    }
}
