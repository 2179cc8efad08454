/// The codes of CHUNK_REJECTED.
///
/// Numbers are never used again for another meaning.
///
/// Source: docs/protocol.md, "Rejection codes".
package enum RejectionCode: UInt8, Sendable, CaseIterable {
    /// One bet is not valid; `betIndex` says which.
    ///
    /// Consumes the sequence.
    case invalidBet = 1
    /// The columns do not add up to the chunk's length.
    ///
    /// Consumes the sequence.
    case malformedChunk = 2
    /// Another chunk is stored under this sequence.
    ///
    /// Changes nothing.
    case conflict = 3
    /// The agency has already sent its last chunk.
    ///
    /// Changes nothing.
    case agencyFinished = 4
    /// The draw is closed: nothing enters a sealed ledger.
    ///
    /// Changes nothing.
    case drawClosed = 5
}
