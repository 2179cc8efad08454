package import Domain
package import Ledger

/// Chunks of an agency that the engine lost or changed, between two of its messages that are whole.
///
/// The message after them says what the agency's chunks were. So the same bets, sent again, are known from others.
///
/// Pure.
package struct LostChunks: Equatable, Sendable {
    /// The agency before and after them.
    package var before: AgencyStanding
    package var after: AgencyStanding

    package init(before: AgencyStanding, after: AgencyStanding) {
        self.before = before
        self.after = after
    }

    package var sequences: Range<UInt32> { before.nextSequence..<after.nextSequence }

    /// Finds the chunks in those that a connection has sent again.
    ///
    /// - Returns: their records; nil if some are missing, or are others.
    func found(in records: [AgencyMessage.Record], of agency: AgencyID) -> [AgencyMessage.Record]? {
        var (found, standing): ([AgencyMessage.Record], AgencyStanding) = ([], before)
        // Only messages without chunks were lost.
        if standing.isSame(as: after) { return found }
        for record in records where sequences.contains(record.header.sequence) {
            // It was sent once more from the beginning.
            if record.header.sequence == before.nextSequence { (found, standing) = ([], before) }
            do throws(ChainFault) {
                try standing.apply(record, of: agency)
            } catch {
                continue
            }
            found.append(record)
            if standing.isSame(as: after) { return found }
        }
        return nil
    }
}

/// An error: a draw's stream lacks messages, or has changed ones.
package struct StreamDamage: Error, Equatable, Sendable, CustomStringConvertible {
    /// By agency, in the order of their sequences; their agency can send them again.
    package var lost: [AgencyID: [LostChunks]]
    /// Messages that are missing and follow no agency's messages: the last ones of some agency.
    package var unknown: UInt64
    /// The agencies without an end that they may belong to.
    package var unfinished: [AgencyID]

    package var description: String {
        var texts = lost.sorted { $0.key < $1.key }.map { agency, lost in
            let ranges = lost.map { "\($0.sequences.lowerBound) to \($0.sequences.upperBound - 1)" }
            return "agency \(agency): chunks \(ranges.joined(separator: ", ")) are lost: let it send its file again"
        }
        if unknown > 0 {
            let whose =
                unfinished.isEmpty
                ? "" : " Without an end: agencies \(unfinished.map(\.description).joined(separator: ", "))."
            texts.append("\(unknown) messages are lost after the last one of an agency, nobody knows which.\(whose)")
        }
        return texts.joined(separator: "; ")
    }
}
