import Connections
import Dialects
import Domain
import Ledger
import Shell
import WireProtocol

/// What waits for the committer, in the order of its answers.
enum StagedEntry {
    /// Goes into the ledger; answered when it is durable.
    case record(StagedRecord, any AnswerSink)
    case seal(SealRecord)
    /// Nothing of it goes into the ledger.
    case settlement(Settlement)

    static func answer(
        _ answer: Answer, _ connection: IngestConnection, _ event: LogEvent?
    ) -> StagedEntry {
        .settlement(.answer(answer, connection.answers, event))
    }

    /// What it adds to a commit group.
    var recordBytes: Int {
        switch self {
        case .record(let record, _): record.recordBytes
        case .seal(let seal): StagedRecord(seal).recordBytes
        case .settlement: 0
        }
    }
}

/// Work to run, in staging order, once everything staged earlier is durable.
///
/// A record becomes one after its bytes are copied into the group.
enum Settlement {
    case answer(Answer, any AnswerSink, LogEvent?)
    /// Has been sent before: answered from the ledger, after the answers of its group and before its connection has
    /// another turn.
    case repeated(Repetition)
    /// Called on the committer thread; must not block.
    case afterwards(@Sendable () -> Void)
    case log(LogEvent)
    /// The ledger ends behind its seal.
    case sealed(SealRecord)
}

/// A record before the committer assigns its timestamp and offset.
struct StagedRecord {
    var kind: RecordHeader.Kind
    var count: Int
    var agency: AgencyID
    var sequence: UInt32
    /// Holds the payload from `payloadIndex` on.
    var bytes: [UInt8]
    var payloadIndex: Int
    var payloadChecksum: UInt32
    /// The memory of its bytes, given back when the group has them.
    var reservation: Reservation?
    var answer = RecordAnswer.message
    var rejection: RejectionRecord?

    var payloadBytes: Int { bytes.count - payloadIndex }
    var recordBytes: Int { RecordHeader.byteCount + payloadBytes }
}

extension StagedRecord {
    /// The record of a chunk that has the agency's next sequence.
    init(_ checked: CheckedChunk, agency: AgencyID, sequence: UInt32, answer: RecordAnswer) {
        let chunk = checked.chunk
        if let rejection = checked.rejection {
            let bytes = rejection.bytes
            self.init(
                kind: .rejection, count: chunk.count, agency: agency, sequence: sequence, bytes: bytes,
                payloadIndex: 0, payloadChecksum: CRC32C.checksum(bytes.span.bytes), answer: answer,
                rejection: rejection)
        } else {
            self.init(
                kind: chunk.isLast ? .lastChunk : .chunk, count: chunk.count, agency: agency, sequence: sequence,
                bytes: chunk.frame, payloadIndex: Chunk.betsIndex, payloadChecksum: checked.bets.chunkChecksum,
                reservation: checked.reservation, answer: answer)
        }
    }

    /// A record of the service's own.
    init(_ kind: RecordHeader.Kind, payload: [UInt8]) {
        self.init(
            kind: kind, count: 0, agency: .none, sequence: 0, bytes: payload, payloadIndex: 0,
            payloadChecksum: CRC32C.checksum(payload.span.bytes))
    }

    init(_ seal: SealRecord) {
        self.init(.seal, payload: seal.bytes)
    }
}

/// What the agency is told when a record is durable.
enum RecordAnswer {
    /// The native protocol's: CHUNK_PROCESSED or CHUNK_REJECTED.
    case message
    case reply(DialectReply)
    /// Another entry answers.
    case none
}
