import Shared

/// Where one agency's stream stands.
///
/// Pure: the same for the live service, recovery and `verify`.
struct AgencyStanding: Equatable, Sendable {
    /// The sequence of the next new chunk, from 1.
    private(set) var nextSequence: UInt32 = 1
    private(set) var storedBets: UInt64 = 0
    private(set) var rejectedBets: UInt64 = 0
    /// Its last chunk is stored: the agency can only repeat what it sent.
    private(set) var isFinished = false

    /// What a chunk's sequence means here.
    enum Place: Equatable, Sendable {
        case next
        /// It has been sent before.
        case repeated
        /// Chunks before it are missing.
        case gap
        case afterLast
    }

    func place(of sequence: UInt32) -> Place {
        // The highest sequence is never taken, so that there is always a next one.
        if sequence == 0 || sequence > nextSequence || sequence == .max { return isFinished ? .afterLast : .gap }
        if sequence < nextSequence { return .repeated }
        return isFinished ? .afterLast : .next
    }

    /// Counts the next chunk in.
    ///
    /// - Precondition: `place(of:)` of its sequence is `next`.
    mutating func apply(_ kind: RecordHeader.Kind, count: Int) {
        precondition(!isFinished, "a finished agency takes no chunk")
        nextSequence += 1
        switch kind {
        case .chunk: storedBets += UInt64(count)
        case .lastChunk:
            storedBets += UInt64(count)
            isFinished = true
        case .rejection: rejectedBets += UInt64(count)
        case .seal: preconditionFailure("a seal belongs to no agency")
        }
    }
}
