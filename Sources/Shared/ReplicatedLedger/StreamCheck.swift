package import Domain
import Ledger

/// The check of a whole stream before a draw is sealed: no message is missing, changed, repeated or out of order.
///
/// The engine may lose or change messages; a draw from such a stream would be wrong. So every agency's messages form a
/// chain, and a broken one says which chunks are lost. Their agency sends them again, and they are found at the end of the
/// stream; then a second check has them in their place.
///
/// Pure.
package struct StreamCheck {
    /// A place where chunks are lost.
    fileprivate struct Break: Equatable {
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
        /// Whether chunks are lost and not in their place: later ones cannot follow.
        var isBroken = false

        var isEnded: Bool { isClosed || standing.isFinished }
    }

    /// Lost chunks that an earlier check of the same stream found at its end.
    package struct Repairs: Sendable {
        fileprivate var breaks: [UInt64: Break] = [:]
        /// The lost records, by the message that they precede.
        fileprivate var records: [UInt64: [AgencyMessage.Record]] = [:]

        package init() {}
    }

    private let repairs: Repairs
    /// Messages whose records are replaced.
    private let replaced: Set<UInt64>
    private var chains: [AgencyID: Chain] = [:]
    /// Chains whose last message follows a break: as they were before it, and the missing messages that it accounts for.
    ///
    /// Nothing vouches for that message before the next one, so what it says of the break may be changed, too.
    private var unvouched: [AgencyID: (chain: Chain, missing: UInt64)] = [:]
    /// By the message after it.
    private var breaks: [UInt64: Break] = [:]
    private var breaksOfAgency: [AgencyID: [UInt64]] = [:]
    /// The chunks that connections have sent again, by break.
    private var sentAgain: [UInt64: [AgencyMessage.Sender: LostChunks.Found]] = [:]
    /// By break.
    private var found: [UInt64: [AgencyMessage.Record]] = [:]
    private var lastSequence: UInt64 = 0
    private var missing: UInt64 = 0

    package init(_ repairs: Repairs = Repairs()) {
        self.repairs = repairs
        replaced = Set(repairs.breaks.values.compactMap(\.previous))
    }

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
        guard let message, let (records, after) = try? message.checked() else {
            missing += 1
            return []
        }
        let agency = message.agency
        func fault(_ text: String) -> ChainFault { ChainFault("agency \(agency), message \(sequence): \(text)") }
        var chain = chains[agency] ?? Chain()
        var lost: [AgencyMessage.Record] = []
        if message.previous == chain.digest {
            unvouched[agency] = nil
        } else if let before = unvouched.removeValue(forKey: agency), let last = chain.lastSequence {
            remove(last, of: agency)
            chain = before.chain
            missing += before.missing + 1
        }
        if message.previous != chain.digest {
            guard message.number >= chain.number, message.before.nextSequence >= chain.before.nextSequence else {
                throw fault("it does not follow the agency's message before it")
            }
            lost = link(&chain, to: message, sequence: sequence)
        } else if message.before != chain.standing || message.number != chain.number {
            // It was changed; the next message shows it.
            missing += 1
            return []
        }
        guard chain.isEnded == (message.kind == .repair) else {
            throw fault(chain.isEnded ? "it follows the agency's end" : "it repairs an agency without an end")
        }
        if message.kind == .group, message.sender != chain.sender { throw fault("its sender has no session") }
        chain.lastSequence = sequence
        chain.number += 1
        chain.digest = message.digest
        chain.before = message.before
        chain.standing = after
        chain.sender = message.sender
        chain.isClosed = chain.isClosed || message.kind == .close
        chains[agency] = chain
        if message.kind == .repair {
            for record in records { take(record, sentAgainBy: message.sender, agency) }
            return lost
        }
        if chain.isBroken { return [] }
        return replaced.contains(sequence) ? lost : lost + records
    }

    /// Continues a chain after messages that are missing or changed.
    ///
    /// The message before them may be a changed one: its records count as lost too.
    ///
    /// - Returns: the lost records, if they are known.
    private mutating func link(
        _ chain: inout Chain, to message: AgencyMessage, sequence: UInt64
    ) -> [AgencyMessage.Record] {
        let (before, gap) = (chain, min(missing, message.number - chain.number))
        missing -= gap
        chain.number = message.number
        chain.sender = message.sender
        // A repair follows an end only.
        chain.isClosed = chain.isClosed || message.kind == .repair
        // Only messages without chunks are lost.
        if message.before == chain.standing { return [] }
        let here = Break(
            agency: message.agency, lost: LostChunks(before: chain.before, after: message.before),
            previous: chain.lastSequence)
        breaks[sequence] = here
        breaksOfAgency[message.agency, default: []].append(sequence)
        unvouched[message.agency] = (before, gap)
        chain.standing = message.before
        guard repairs.breaks[sequence] == here, let records = repairs.records[sequence] else {
            chain.isBroken = true
            return []
        }
        return records
    }

    /// Removes the break before a message that was changed; the next one tells of it.
    private mutating func remove(_ sequence: UInt64, of agency: AgencyID) {
        breaks[sequence] = nil
        breaksOfAgency[agency]?.removeAll { $0 == sequence }
        sentAgain[sequence] = nil
        found[sequence] = nil
    }

    /// Adds a chunk that was sent again.
    private mutating func take(
        _ record: AgencyMessage.Record, sentAgainBy sender: AgencyMessage.Sender, _ agency: AgencyID
    ) {
        for sequence in breaksOfAgency[agency] ?? [] where found[sequence] == nil {
            guard let lost = breaks[sequence]?.lost, lost.sequences.contains(record.header.sequence) else { continue }
            let isComplete = sentAgain[sequence, default: [:]][sender, default: LostChunks.Found(lost)]
                .take(record, of: agency, lost)
            // The first complete run counts, on every node.
            if isComplete { found[sequence] = sentAgain.removeValue(forKey: sequence)?[sender]?.records }
        }
    }

    /// The lost records, for a second check that has them in their place; nil if nothing is lost, or some are not known.
    package var completeRepairs: Repairs? {
        guard !breaks.isEmpty, missing == 0, found.count == breaks.count else { return nil }
        var complete = Repairs()
        (complete.breaks, complete.records) = (breaks, found)
        return complete
    }

    /// Whether the stream is the one that the repairs were found in.
    package var isRepaired: Bool { breaks == repairs.breaks }

    /// The damage of the stream so far; nil if it is whole.
    package func damage(of agencies: DrawAgencies) -> StreamDamage? {
        guard missing > 0 || breaks.contains(where: { repairs.breaks[$0.key] != $0.value }) else { return nil }
        let sorted = breaks.sorted { $0.key < $1.key }
        func byAgency(_ breaks: [Break]) -> [AgencyID: [LostChunks]] {
            Dictionary(grouping: breaks, by: \.agency).mapValues { $0.map(\.lost) }
        }
        return StreamDamage(
            lost: byAgency(sorted.filter { found[$0.key] == nil }.map(\.value)), all: byAgency(sorted.map(\.value)),
            unknown: missing, unfinished: missing > 0 ? unfinished(of: agencies) : [])
    }

    /// The expected agencies without an end; the draw is complete without any.
    package func unfinished(of agencies: DrawAgencies) -> [AgencyID] {
        agencies.members.filter { chains[$0]?.isEnded != true }
    }
}
