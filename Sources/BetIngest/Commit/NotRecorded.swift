import Domain
import Ledger
import WireProtocol

/// A chunk without a record.
struct NotRecorded: Equatable, Sendable {
    var agency: AgencyID
    var sequence: UInt32
    var count: Int
    var code: RejectionCode
    var reason: String
    /// The time of a decision that the chunk is late.
    var late: Instant?
}

extension NotRecorded {
    /// A chunk that the draw does not take any more.
    init(_ agency: AgencyID, sequence: UInt32, count: Int, _ closure: Closure) {
        self.init(
            agency: agency, sequence: sequence, count: count, code: closure.code, reason: closure.reason,
            late: closure.late)
    }

    /// A chunk that does not follow the agency's recorded chunks.
    init(_ agency: AgencyID, sequence: UInt32, count: Int, insteadOf next: UInt32) {
        let reason =
            next == .max
            ? "agency \(agency) has used all its sequences"
            : "the chunk has sequence \(sequence), but the next sequence is \(next)"
        self.init(agency: agency, sequence: sequence, count: count, code: .drawClosed, reason: reason)
    }

    /// The last of some chunks that were sent again for lost ones, but have other bets.
    init(otherThanLost chunk: Chunk, of agency: AgencyID) {
        self.init(
            agency: agency, sequence: chunk.sequence, count: chunk.count, code: .conflict,
            reason:
                "the chunks up to this one are not those that were acknowledged: send the same file in chunks of the same size"
        )
    }
}

/// Why an agency can add nothing more: its draw is closed, or it has ended itself.
///
/// Pure.
struct Closure {
    let code: RejectionCode
    let reason: String
    /// The time, if the draw is closed.
    let late: Instant?

    /// - Parameters:
    ///   - end: why the draw is sealed, or will be; nil if it is not known to be.
    ///   - time: of the decision.
    init(
        _ agency: AgencyID, _ standing: AgencyStanding, end: SealRecord.Reason?, cutOff: Instant?, at time: Instant
    ) {
        let isPast = cutOff.map { $0 <= time } ?? false
        let isClosed = end != nil || isPast
        code = end == .void ? .drawVoid : isClosed ? .drawClosed : .agencyFinished
        late = isClosed ? time : nil
        reason =
            if end == .void {
                "the draw is void"
            } else if let cutOff, isPast || end == .cutOff {
                "draw closed: the cut-off was \(cutOff), it is \(time)"
            } else if isClosed {
                end == .operator ? "draw closed by its operator" : "draw closed: every agency has finished"
            } else if standing.isFinished {
                "agency \(agency) has sent its last chunk"
            } else {
                "agency \(agency) has used all its sequences"
            }
    }
}
