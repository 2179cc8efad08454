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
        /// Messages before it that may be changed: their chunks are among the lost ones.
        var replaced: [UInt64]
    }

    /// An agency after one of its messages.
    private struct Chain {
        /// Of messages.
        var number: UInt64 = 0
        var digest = AgencyMessage.noPrevious
        var standing = AgencyStanding()
        var sender: AgencyMessage.Sender?
        var isClosed = false
        /// Whether chunks are lost and not in their place: later ones cannot follow.
        var isBroken = false

        var isEnded: Bool { isClosed || standing.isFinished }
    }

    /// An agency's messages; nothing vouches for the last one until another follows it.
    private struct Messages {
        /// Before the last one.
        var vouched = Chain()
        var last: (sequence: UInt64, chain: Chain)?
        /// The missing messages that the number of the last one accounts for.
        var explained: UInt64 = 0
        /// Since `vouched`: those that the next one did not follow.
        var dropped: [UInt64] = []
        /// Whether chunks of those are in the ledger.
        var hasDroppedChunks = false

        var chain: Chain { last?.chain ?? vouched }
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
    private var agencies: [AgencyID: Messages] = [:]
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
        replaced = Set(repairs.breaks.values.flatMap(\.replaced))
    }

    /// Adds the next message of the stream.
    ///
    /// - Parameter message: nil for one that cannot be read.
    /// - Returns: the records that it adds to the ledger.
    /// - Throws: ``ChainFault`` that names the agency, for what no lost or changed message can explain.
    package mutating func add(_ message: AgencyMessage?, sequence: UInt64) throws(ChainFault) -> [AgencyMessage.Record]
    {
        guard sequence > lastSequence else { throw ChainFault("message \(sequence) follows \(lastSequence)") }
        missing += sequence - lastSequence - 1
        lastSequence = sequence
        guard let message, let (records, after) = try? message.checked() else {
            missing += 1
            return []
        }
        var messages = agencies[message.agency] ?? Messages()
        guard settle(&messages, by: message) else {
            // It was changed; the next message shows it.
            missing += 1
            return []
        }
        func fault(_ text: String) -> ChainFault {
            ChainFault("agency \(message.agency), message \(sequence): \(text)")
        }
        var chain = messages.chain
        // The chunks of dropped messages are in the ledger, and no lost ones can replace them.
        if messages.hasDroppedChunks, message.before == chain.standing {
            throw fault("it does not follow the agency's message before it")
        }
        let lost = link(&chain, to: message, sequence: sequence, &messages)
        guard chain.isEnded == (message.kind == .repair) else {
            throw fault(chain.isEnded ? "it follows the agency's end" : "it repairs an agency without an end")
        }
        chain.number += 1
        chain.digest = message.digest
        chain.standing = after
        chain.sender = message.sender
        chain.isClosed = chain.isClosed || message.kind == .close
        messages.last = (sequence, chain)
        agencies[message.agency] = messages
        if message.kind == .repair {
            for record in records { take(record, sentAgainBy: message.sender, message.agency) }
            return lost
        }
        if chain.isBroken { return [] }
        return replaced.contains(sequence) ? lost : lost + records
    }

    /// Decides on an agency's last message by the next one, which vouches for it or drops it.
    ///
    /// - Returns: false if the next one cannot be where it is; then nothing is decided.
    private mutating func settle(_ messages: inout Messages, by message: AgencyMessage) -> Bool {
        let chain = messages.chain
        let isSame = message.before == chain.standing
        if message.previous == chain.digest {
            guard isSame, message.number == chain.number, message.kind != .group || message.sender == chain.sender
            else { return false }
            messages = Messages(vouched: chain)
            return true
        }
        let vouched = messages.vouched
        guard message.number >= vouched.number,
            message.before.nextSequence > vouched.standing.nextSequence || message.before == vouched.standing
        else { return false }
        let isBroken = messages.last.map { breaks[$0.sequence] != nil } ?? false
        if isSame, !isBroken, message.number >= chain.number, message.kind == .repair || !chain.isEnded {
            // Only messages without chunks are lost.
            messages = Messages(vouched: chain)
        } else if let (sequence, _) = messages.last {
            // The last one may be changed, and what it says of a loss before it.
            if isBroken {
                breaks[sequence] = nil
                breaksOfAgency[message.agency]?.removeAll { $0 == sequence }
                (sentAgain[sequence], found[sequence]) = (nil, nil)
            }
            missing += messages.explained + 1
            messages.dropped.append(sequence)
            if !chain.isBroken, chain.standing != vouched.standing { messages.hasDroppedChunks = true }
            messages.last = nil
        }
        return true
    }

    /// Continues a chain; between it and the message others may be missing.
    ///
    /// - Returns: the records of those, if they are known.
    private mutating func link(
        _ chain: inout Chain, to message: AgencyMessage, sequence: UInt64, _ messages: inout Messages
    ) -> [AgencyMessage.Record] {
        messages.explained = min(missing, message.number - chain.number)
        missing -= messages.explained
        chain.number = message.number
        // A repair follows an end only.
        chain.isClosed = chain.isClosed || message.kind == .repair && message.previous != chain.digest
        if message.before == chain.standing { return [] }
        let here = Break(
            agency: message.agency, lost: LostChunks(before: chain.standing, after: message.before),
            replaced: messages.dropped)
        breaks[sequence] = here
        breaksOfAgency[message.agency, default: []].append(sequence)
        chain.standing = message.before
        guard repairs.breaks[sequence] == here, let records = repairs.records[sequence] else {
            chain.isBroken = true
            return []
        }
        return records
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
    package func damage(of draw: DrawAgencies) -> StreamDamage? {
        guard missing > 0 || agencies.values.contains(where: \.chain.isBroken) else { return nil }
        let sorted = breaks.sorted { $0.key < $1.key }
        func byAgency(_ breaks: [Break]) -> [AgencyID: [LostChunks]] {
            Dictionary(grouping: breaks, by: \.agency).mapValues { $0.map(\.lost) }
        }
        return StreamDamage(
            lost: byAgency(sorted.filter { found[$0.key] == nil }.map(\.value)), all: byAgency(sorted.map(\.value)),
            unknown: missing, unfinished: missing > 0 ? unfinished(of: draw) : [])
    }

    /// The expected agencies without an end; the draw is complete without any.
    package func unfinished(of draw: DrawAgencies) -> [AgencyID] {
        draw.members.filter { agencies[$0]?.chain.isEnded != true }
    }
}
