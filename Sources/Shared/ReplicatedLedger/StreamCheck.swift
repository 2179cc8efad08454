package import Domain
package import Ledger

/// The check of a whole stream before a draw is sealed: no message is missing, changed, repeated or out of order.
///
/// The engine may lose or change messages; a draw from such a stream would be wrong. So every agency's messages form a
/// chain, and a broken one says which chunks are lost. Their agency sends them again, and they are found at the end of the
/// stream; then a second check has them in their place.
///
/// Pure.
package struct StreamCheck {
    /// A place where chunks are lost.
    private struct Break {
        var agency: AgencyID
        var lost: LostChunks
        /// The message before it, whose records nothing vouches for; nil if the first ones are lost.
        var previous: UInt64?
    }

    private struct Chain {
        var lastSequence: UInt64?
        var number: UInt64 = 0
        var digest = AgencyMessage.noPrevious
        /// Before and after the last message.
        var before = AgencyStanding()
        var standing = AgencyStanding()
        var sender: AgencyMessage.Sender?
        var isClosed = false

        var isEnded: Bool { isClosed || standing.isFinished }
    }

    /// Lost chunks that an earlier check of the same stream found at its end.
    package struct Repairs: Sendable {
        package init() {}

        /// The lost records, by the message that they precede.
        fileprivate var records: [UInt64: [AgencyMessage.Record]] = [:]
        /// Messages whose records are replaced.
        fileprivate var replaced: Set<UInt64> = []
    }

    private let repairs: Repairs
    private var chains: [AgencyID: Chain] = [:]
    /// By the message after it.
    private var breaks: [UInt64: Break] = [:]
    private var sentAgain: [AgencyID: [(sender: AgencyMessage.Sender, records: [AgencyMessage.Record])]] = [:]
    private var found = Repairs()
    private var lastSequence: UInt64 = 0
    private var missing: UInt64 = 0
    /// The last message that the draw needs: a repair that repeats another one is not.
    package private(set) var lastNeeded: UInt64 = 0

    package init(_ repairs: Repairs = Repairs()) { self.repairs = repairs }

    /// Adds the next message of the stream.
    ///
    /// - Parameter message: nil for one that cannot be read.
    /// - Returns: the records that it adds to the ledger.
    /// - Throws: ``ChainFault`` that names the agency, for what no lost message can explain.
    package mutating func add(_ message: AgencyMessage?, sequence: UInt64) throws(ChainFault) -> [AgencyMessage.Record]
    {
        guard sequence > lastSequence else { throw ChainFault("message \(sequence) follows \(lastSequence)") }
        missing += sequence - lastSequence - 1
        lastSequence = sequence
        guard let message else {
            missing += 1
            return []
        }
        let agency = message.agency
        func fault(_ text: String) -> ChainFault { ChainFault("agency \(agency), message \(sequence): \(text)") }
        var chain = chains[agency] ?? Chain()
        var lost: [AgencyMessage.Record] = []
        if message.previous != chain.digest {
            guard message.number >= chain.number, message.before.nextSequence >= chain.before.nextSequence else {
                throw fault("it does not follow the agency's message before it")
            }
            lost = link(&chain, to: message, sequence: sequence)
        }
        guard message.before == chain.standing, message.number == chain.number else {
            throw fault("its totals are not those before it")
        }
        guard chain.isEnded == (message.kind == .repair) else {
            throw fault(chain.isEnded ? "it follows the agency's end" : "it repairs an agency without an end")
        }
        if message.kind == .group, message.sender != chain.sender { throw fault("its sender has no session") }
        let (records, after): ([AgencyMessage.Record], AgencyStanding)
        do throws(ChainFault) {
            (records, after) = try message.checked()
        } catch {
            throw fault("\(error)")
        }
        chain.lastSequence = sequence
        chain.number += 1
        chain.digest = message.digest
        chain.before = message.before
        chain.standing = after
        chain.sender = message.sender
        chain.isClosed = chain.isClosed || message.kind == .close
        chains[agency] = chain
        if message.kind == .repair {
            if repair(agency, records, of: message.sender) { lastNeeded = sequence }
            return lost
        }
        lastNeeded = sequence
        return repairs.replaced.contains(sequence) ? lost : lost + records
    }

    /// Continues a chain after messages that are missing or changed.
    ///
    /// The message before them may be a changed one: its records count as lost too.
    ///
    /// - Returns: the lost records, if they are known.
    private mutating func link(
        _ chain: inout Chain, to message: AgencyMessage, sequence: UInt64
    ) -> [AgencyMessage.Record] {
        breaks[sequence] = Break(
            agency: message.agency, lost: LostChunks(before: chain.before, after: message.before),
            previous: chain.lastSequence)
        missing -= min(missing, message.number - chain.number)
        chain.number = message.number
        chain.standing = message.before
        chain.sender = message.sender
        // A repair follows an end only.
        chain.isClosed = chain.isClosed || message.kind == .repair
        _ = repair(message.agency, [], of: message.sender)
        return repairs.records[sequence] ?? []
    }

    /// Adds chunks that were sent again.
    ///
    /// - Returns: whether lost chunks are complete with them.
    private mutating func repair(
        _ agency: AgencyID, _ records: [AgencyMessage.Record], of sender: AgencyMessage.Sender
    ) -> Bool {
        var all = sentAgain[agency] ?? []
        let index = all.firstIndex { $0.sender == sender } ?? all.count
        if index == all.count { all.append((sender, [])) }
        all[index].records += records
        sentAgain[agency] = all
        var isUsed = false
        for (sequence, lost) in breaks where lost.agency == agency && found.records[sequence] == nil {
            guard let records = lost.lost.found(in: all[index].records, of: agency) else { continue }
            found.records[sequence] = records
            if let previous = lost.previous { found.replaced.insert(previous) }
            isUsed = true
        }
        return isUsed
    }

    /// The lost records, for a second check that has them in their place; nil if nothing is lost, or some are not known.
    package var completeRepairs: Repairs? {
        breaks.isEmpty || missing > 0 || breaks.count > found.records.count ? nil : found
    }

    /// Whether chunks are lost and not in their place.
    package var isBroken: Bool { breaks.keys.contains { repairs.records[$0] == nil } }

    /// The damage of the stream so far; nil if it is whole.
    package func damage(of agencies: DrawAgencies) -> StreamDamage? {
        guard isBroken || missing > 0 else { return nil }
        let lost = breaks.filter { found.records[$0.key] == nil }.sorted { $0.key < $1.key }.map(\.value)
        return StreamDamage(
            lost: Dictionary(grouping: lost, by: \.agency).mapValues { $0.map(\.lost) }, unknown: missing,
            unfinished: missing > 0 ? unfinished(of: agencies) : [])
    }

    /// The agency's recorded position and totals.
    package subscript(agency: AgencyID) -> AgencyStanding { chains[agency]?.standing ?? AgencyStanding() }

    /// The expected agencies without an end; the draw is complete without any.
    package func unfinished(of agencies: DrawAgencies) -> [AgencyID] {
        agencies.members.filter { chains[$0]?.isEnded != true }
    }
}
