import Shared

/// What waits for the committer, in the order of its answers.
enum StagedEntry {
    /// Goes into the ledger; answered when it is durable.
    case record(StagedRecord, IngestConnection)
    /// Goes out when everything staged before it is durable.
    ///
    /// `frameBytes` were reserved for what it answers.
    case answer(Answer, IngestConnection, LogEvent?, frameBytes: Int = 0)
    /// Has been sent before: answered from the ledger.
    case repeated(Chunk, AgencyID, IngestConnection)
    /// Is done when everything staged before it is durable and answered.
    ///
    /// Called on the committer thread; must not block.
    case afterwards(@Sendable () -> Void)
    case log(LogEvent)
    case seal(SealRecord)

    /// What it adds to a commit group.
    var recordBytes: Int {
        switch self {
        case .record(let record, _): record.recordBytes
        case .seal(let seal): StagedRecord(seal).recordBytes
        case .answer, .repeated, .afterwards, .log: 0
        }
    }
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
    /// Another entry answers.
    case none
}
