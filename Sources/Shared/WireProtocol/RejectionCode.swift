/// A code of CHUNK_REJECTED.
///
/// Numbers are never reused for another meaning. A code from a newer service is kept as its number; whatever it means,
/// the chunk is not stored.
///
/// Source: docs/protocol.md, "Rejection codes".
package struct RejectionCode: RawRepresentable, Hashable, Sendable {
    package let rawValue: UInt8

    package init(rawValue: UInt8) {
        self.rawValue = rawValue
    }

    /// One bet is invalid; `betIndex` says which.
    ///
    /// Consumes the sequence.
    package static let invalidBet = RejectionCode(rawValue: 1)
    /// The columns do not add up to the chunk's length.
    ///
    /// Consumes the sequence.
    package static let malformedChunk = RejectionCode(rawValue: 2)
    /// Another chunk is stored under this sequence.
    ///
    /// Changes nothing.
    package static let conflict = RejectionCode(rawValue: 3)
    /// The agency has already sent its last chunk.
    ///
    /// Changes nothing.
    package static let agencyFinished = RejectionCode(rawValue: 4)
    /// The draw is closed; a sealed ledger takes no more bets.
    ///
    /// Changes nothing.
    package static let drawClosed = RejectionCode(rawValue: 5)

    /// In the order of their numbers, from 1.
    fileprivate static let names = ["invalidBet", "malformedChunk", "conflict", "agencyFinished", "drawClosed"]
}

extension RejectionCode: CustomStringConvertible {
    /// Whether this version of the protocol has the code.
    package var isKnown: Bool { (1...Self.names.count).contains(Int(rawValue)) }

    package var description: String { isKnown ? Self.names[Int(rawValue) - 1] : "code \(rawValue)" }
}
