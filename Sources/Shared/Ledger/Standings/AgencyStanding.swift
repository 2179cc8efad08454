package import WireProtocol

/// What is recorded of one agency's stream, and what it may send next.
///
/// Pure: the same for the live service, recovery and `verify`.
package struct AgencyStanding: Equatable, Sendable {
    /// The sequence of the next new chunk, from 1.
    package private(set) var nextSequence: UInt32 = 1
    package private(set) var storedBets: UInt64 = 0
    package private(set) var rejectedBets: UInt64 = 0
    /// Its last chunk is stored: the agency can only repeat what it sent.
    package private(set) var isFinished = false
    private var lastChunk = StreamRecord.LastChunk.none
    private var lastCount: UInt16 = 0
    private var lastChecksum: UInt32 = 0
    /// Of all recorded bets; nil after a rejection of version 1, which has none.
    private var digest: BetsDigest? = BetsDigest()

    /// Nothing recorded.
    package init() {}

    /// What a chunk's sequence means here.
    package enum Place: Equatable, Sendable {
        case next
        /// It has been sent before.
        case repeated
        /// Chunks before it are missing.
        case gap
        case afterLast
    }

    package func place(of sequence: UInt32) -> Place {
        // The highest sequence is never taken, so that there is always a next one.
        if sequence == 0 || sequence > nextSequence || sequence == .max { return isFinished ? .afterLast : .gap }
        if sequence < nextSequence { return .repeated }
        return isFinished ? .afterLast : .next
    }

    /// Counts the next chunk in.
    ///
    /// - Parameters:
    ///   - count: its bets; 0 for malformed columns.
    ///   - bets: the digest of its bets; nil if it is not known.
    /// - Precondition: `place(of:)` of its sequence is `next`.
    package mutating func apply(_ kind: RecordHeader.Kind, count: Int, bets: BetsDigest?) {
        precondition(!isFinished, "a finished agency takes no chunk")
        nextSequence += 1
        lastChunk = kind == .rejection ? .rejected : .stored
        lastCount = UInt16(count)
        lastChecksum = bets?.checksum ?? 0
        if let bets { digest?.append(bets) } else { digest = nil }
        switch kind {
        case .chunk: storedBets += UInt64(count)
        case .lastChunk:
            storedBets += UInt64(count)
            isFinished = true
        case .rejection: rejectedBets += UInt64(count)
        case .seal, .start: preconditionFailure("a record of the service's own belongs to no agency")
        }
    }

    /// What WELCOME tells the agency to compare its file with.
    package var stream: StreamRecord {
        StreamRecord(
            lastChunk: lastChunk, lastCount: lastCount, lastChecksum: lastChecksum, checksum: digest?.checksum)
    }
}
