import Connections
import DequeModule
import Domain
import Ledger
import WireProtocol

/// An entry for the committer, in the order of decisions.
enum StagedEntry {
    /// A record; becomes a decision once its bytes are in the group.
    case record(StagedRecord, any Requester)
    /// With the time of its record.
    case seal(SealRecord, Instant)
    /// A decision to deliver once everything staged before is durable.
    case decided(Decision, any Requester)
    /// A repetition to answer from the ledger, after the answers of its group.
    case repeated(Repetition)

    var recordBytes: Int {
        switch self {
        case .record(let record, _): record.recordBytes
        case .seal(let seal, let time): StagedRecord(seal, time: time).recordBytes
        case .decided, .repeated: 0
        }
    }
}

/// A queue of entries.
struct StagedEntries {
    private(set) var entries: Deque<StagedEntry> = []
    private(set) var recordBytes = 0

    var count: Int { entries.count }

    mutating func append(_ entry: consuming StagedEntry) {
        recordBytes += entry.recordBytes
        entries.append(entry)
    }

    /// Takes at most as many entries as fit one group, so that its frames are freed as soon as it is committed.
    mutating func takeGroup() -> StagedEntries {
        let room = Limits.maxGroupBytes - GroupHeader.byteCount
        var group = StagedEntries()
        guard recordBytes > room else {
            swap(&group, &self)
            return group
        }
        // Any record fits an empty group.
        while let next = entries.first?.recordBytes, group.recordBytes + next <= room {
            recordBytes -= next
            group.append(entries.removeFirst())
        }
        return group
    }

    mutating func popFirst() -> StagedEntry? { entries.popFirst() }
}

/// A record before the committer assigns its offset.
struct StagedRecord {
    var kind: RecordHeader.Kind
    var count: Int
    var agency: AgencyID
    var sequence: UInt32
    var time: Instant
    /// The payload begins at `payloadIndex`.
    var bytes: [UInt8]
    var payloadIndex: Int
    var payloadChecksum: UInt32
    /// Released once the bytes are copied into the group.
    var reservation: Reservation?
    var answers = RecordedChunk.Message.chunk
    var rejection: RejectionRecord?

    var payloadBytes: Int { bytes.count - payloadIndex }
    var recordBytes: Int { RecordHeader.byteCount + payloadBytes }
}

extension StagedRecord {
    /// Makes the record of a chunk with the agency's next sequence.
    init(
        _ checked: CheckedChunk, agency: AgencyID, sequence: UInt32, time: Instant,
        answers message: RecordedChunk.Message
    ) {
        let (chunk, rejection) = (checked.chunk, checked.rejection)
        self.init(
            kind: checked.recordKind, count: chunk.count,
            agency: agency, sequence: sequence, time: time, bytes: checked.recordBytes,
            payloadIndex: checked.payloadIndex,
            payloadChecksum: checked.payloadChecksum, reservation: rejection == nil ? checked.reservation : nil,
            answers: message, rejection: rejection)
    }

    init(_ seal: SealRecord, time: Instant) {
        let payload = seal.bytes
        self.init(
            kind: .seal, count: 0, agency: .none, sequence: 0, time: time, bytes: payload, payloadIndex: 0,
            payloadChecksum: CRC32C.checksum(payload.span.bytes))
    }

    /// Makes the decision to deliver once the record is durable.
    func decision(firstBetIndex: UInt64) -> Decision {
        let recorded = RecordedChunk(
            agency: agency, sequence: sequence, count: count, isLast: kind == .lastChunk, firstBetIndex: firstBetIndex,
            answers: answers)
        return if let rejection { .rejected(recorded, rejection) } else { .stored(recorded) }
    }

    var singleBet: Bet? {
        guard count == 1, rejection == nil else { return nil }
        return BetColumns(bytes.span.extracting(payloadIndex...), count: 1).bets[0]
    }
}

/// A repeated chunk, whose connection waits for the answer.
///
/// One is answered in each group, so that repetitions delay each other rather than new chunks.
struct Repetition {
    let chunk: Chunk
    let agency: AgencyID
    let requester: any Requester
    let reservation: Reservation?
}
