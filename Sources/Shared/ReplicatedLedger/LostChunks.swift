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

    /// Those that a connection has sent again.
    struct Found {
        private(set) var records: [AgencyMessage.Record] = []
        private var standing: AgencyStanding

        init(_ lost: LostChunks) { standing = lost.before }

        /// Adds a record.
        ///
        /// - Returns: whether all are found. Another record than the next one is left out.
        mutating func take(_ record: AgencyMessage.Record, of agency: AgencyID, _ lost: LostChunks) -> Bool {
            // They are sent once more from the beginning.
            if record.header.sequence == lost.before.nextSequence { self = Found(lost) }
            do throws(ChainFault) {
                try standing.apply(record, of: agency)
            } catch {
                return false
            }
            records.append(record)
            return standing.isSame(as: lost.after)
        }
    }
}

/// An error: a draw's stream lacks messages, or has changed ones.
package struct StreamDamage: Error, Equatable, Sendable, CustomStringConvertible {
    /// By agency, in the order of their sequences; their agency can send them again.
    package var lost: [AgencyID: [LostChunks]]
    /// Those of ``lost``, and others that were sent again.
    package var all: [AgencyID: [LostChunks]]
    /// Messages that are missing and follow no agency's messages: the last ones of some agency.
    package var unknown: UInt64
    /// The agencies without an end, to which they may belong.
    package var unfinished: [AgencyID]

    private static let mostNamed = 10

    package var description: String {
        var texts = lost.sorted { $0.key < $1.key }.map { agency, lost in
            let ranges = lost.map { "\($0.sequences.lowerBound) to \($0.sequences.upperBound - 1)" }
            return "agency \(agency): chunks \(ranges.joined(separator: ", ")) are lost: let it send its file again"
        }
        if unknown > 0 {
            let named = unfinished.prefix(Self.mostNamed).map(\.description).joined(separator: ", ")
            let more = unfinished.count > Self.mostNamed ? " and \(unfinished.count - Self.mostNamed) more" : ""
            texts.append(
                "\(unknown) messages are lost after the last one of an agency, nobody knows which"
                    + (unfinished.isEmpty ? "" : "; without an end: agencies \(named)\(more)"))
        }
        return texts.isEmpty ? "lost chunks were sent again" : texts.joined(separator: "; ")
    }
}
