/// A code of CHUNK_REJECTED.
///
/// Numbers are never reused. A code from a newer service is kept as its number; the chunk is not stored.
///
/// Source: docs/protocol.md, "Rejection codes".
package struct RejectionCode: RawRepresentable, Hashable, Sendable {
    package let rawValue: UInt8

    package init(rawValue: UInt8) {
        self.rawValue = rawValue
    }

    /// The bet at `betIndex` is invalid; consumes the sequence.
    package static let invalidBet = RejectionCode(rawValue: 1)
    /// The columns do not add up to the chunk's length; consumes the sequence.
    package static let malformedChunk = RejectionCode(rawValue: 2)
    /// Another chunk is stored under this sequence; changes nothing.
    package static let conflict = RejectionCode(rawValue: 3)
    /// The agency has already sent its last chunk; changes nothing.
    package static let agencyFinished = RejectionCode(rawValue: 4)
    /// The draw is closed; changes nothing.
    package static let drawClosed = RejectionCode(rawValue: 5)
    /// The draw is void: it will not be drawn.
    ///
    /// Changes nothing.
    package static let drawVoid = RejectionCode(rawValue: 6)

    /// In the order of their numbers, from 1.
    fileprivate static let names = [
        "invalidBet", "malformedChunk", "conflict", "agencyFinished", "drawClosed", "drawVoid",
    ]
}

extension RejectionCode: CustomStringConvertible {
    /// Whether this version has the code.
    package var isKnown: Bool { (1...Self.names.count).contains(Int(rawValue)) }

    package var description: String { isKnown ? Self.names[Int(rawValue) - 1] : "code \(rawValue)" }
}
