import Shared

/// What waits for the committer, in the order of its answers.
enum StagedEntry {
    /// Goes into the ledger; answered when it is durable.
    case record(StagedRecord, any AnswerSink)
    case seal(SealRecord)
    /// Nothing of it goes into the ledger.
    case settlement(Settlement)

    static func answer(
        _ answer: Answer, _ connection: IngestConnection, _ event: LogEvent?, frameBytes: Int = 0
    ) -> StagedEntry {
        .settlement(.answer(answer, connection.answers, event, frameBytes: frameBytes))
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

/// What is done, in turn, when everything that was staged before is durable.
///
/// It is also what is left of a record once the group under way has its bytes.
enum Settlement {
    /// `frameBytes` were reserved for what is answered.
    case answer(Answer, any AnswerSink, LogEvent?, frameBytes: Int)
    /// Has been sent before: answered from the ledger.
    case repeated(Chunk, AgencyID, any AnswerSink)
    /// Called on the committer thread; must not block.
    case afterwards(@Sendable () -> Void)
    case log(LogEvent)
    /// The ledger ends behind its seal.
    case sealed(SealRecord)
}

/// A record without what only the committer knows: its time and place.
struct StagedRecord {
    var kind: RecordHeader.Kind
    var count: Int
    var agency: AgencyID
    var sequence: UInt32
    /// Holds the payload from `payloadIndex` on.
    var bytes: [UInt8]
    var payloadIndex: Int
    var payloadChecksum: UInt32
    /// Given back to the budget when the record is durable.
    var frameBytes: Int
    var answer = RecordAnswer.message
    var rejection: RejectionRecord?

    var payloadBytes: Int { bytes.count - payloadIndex }
    var recordBytes: Int { RecordHeader.byteCount + payloadBytes }
}

extension StagedRecord {
    /// The record of a chunk that has the agency's next sequence.
    init(_ checked: CheckedChunk, agency: AgencyID, sequence: UInt32, frameBytes: Int, answer: RecordAnswer) {
        let chunk = checked.chunk
        if let rejection = checked.rejection {
            let bytes = rejection.bytes
            self.init(
                kind: .rejection, count: chunk.count, agency: agency, sequence: sequence, bytes: bytes,
                payloadIndex: 0, payloadChecksum: CRC32C.checksum(bytes.span.bytes), frameBytes: frameBytes,
                answer: answer, rejection: rejection)
        } else {
            self.init(
                kind: chunk.isLast ? .lastChunk : .chunk, count: chunk.count, agency: agency, sequence: sequence,
                bytes: chunk.frame, payloadIndex: Chunk.betsIndex, payloadChecksum: checked.bets.chunkChecksum,
                frameBytes: frameBytes, answer: answer)
        }
    }

    init(_ seal: SealRecord) {
        let bytes = seal.bytes
        self.init(
            kind: .seal, count: 0, agency: AgencyID(0), sequence: 0, bytes: bytes, payloadIndex: 0,
            payloadChecksum: CRC32C.checksum(bytes.span.bytes), frameBytes: 0)
    }
}

/// What the agency is told when a record is durable.
enum RecordAnswer {
    /// The native protocol's: CHUNK_PROCESSED or CHUNK_REJECTED.
    case message
    case reply(DialectReply)
    /// Another entry answers, and no frame's memory is to be given back.
    case none
}
