import DequeModule
import Domain
import Ledger
import Storage
import WireProtocol

/// A draw's ledger while the service runs.
///
/// Isolation: the committer's ledger lock, which only the committer thread takes while it runs.
struct OpenLedger: ~Copyable {
    let path: String
    /// Kept open, so that repetitions do not depend on a free descriptor.
    private let file: any DiskFile
    /// Nil once the ledger is closed.
    private var writer: LedgerWriter?
    private var index: ChunkIndex
    private(set) var storedBets: UInt64
    /// Repetitions that are not answered yet.
    var repetitions: Deque<Repetition> = []

    /// Opens a ledger that recovery read, cuts off a torn group, and adds the closing group that a sealed ledger lacks.
    ///
    /// - Parameter start: recorded in a ledger that is not sealed, before anything is admitted.
    /// - Throws: ``LedgerError``.
    init(_ path: String, contents: LedgerContents, on disk: any Disk, time: UInt64, start: StartRecord)
        throws(LedgerError)
    {
        let file = try Self.openReader(path, on: disk)
        writer = try Self.openWriter(path, contents: contents, on: disk, time: time, start: start)
        self.file = file
        self.path = path
        index = contents.index
        storedBets = contents.standings.storedBets
    }

    private static func openReader(_ path: String, on disk: any Disk) throws(LedgerError) -> any DiskFile {
        do throws(DiskError) {
            return try disk.open(path, .readOnly)
        } catch {
            throw .disk(error)
        }
    }

    private static func openWriter(
        _ path: String, contents: LedgerContents, on disk: any Disk, time: UInt64, start: StartRecord
    ) throws(LedgerError) -> LedgerWriter? {
        // A sealed ledger too is opened for writing: if the service died while closing it, the closing group may be
        // missing, or preallocated zeros may follow.
        var writer = try LedgerWriter(
            path, header: contents.header, end: contents.end, stamp: contents.stamp, on: disk)
        guard contents.standings.seal != nil else {
            // Programs of version 1 do not know the start record.
            if contents.header.version >= 2 {
                let bytes = start.bytes
                let header = RecordHeader(
                    kind: .start, count: 0, agency: .none, sequence: 0, time: time,
                    firstBetIndex: contents.standings.storedBets, payloadBytes: bytes.count,
                    payloadChecksum: CRC32C.checksum(bytes.span.bytes))
                _ = writer.append(header, payload: bytes.span.bytes)
                try writer.commit(time: time)
            }
            return writer
        }
        if !contents.end.isClosed { try writer.close(time: time) }
        return nil
    }

    /// Whether writes bypass the page cache; nil for a sealed ledger, which is not written.
    var isDirect: Bool? {
        switch writer {
        case .some(let writer): writer.isDirect
        case .none: nil
        }
    }

    /// Makes room for a group's records with their headers.
    mutating func reserve(recordBytes: Int) {
        writer?.reserve(recordBytes: recordBytes)
    }

    /// Appends a record to the current group.
    ///
    /// - Returns: the number of bets stored before it.
    mutating func append(_ record: StagedRecord) -> UInt64 {
        let firstBetIndex = storedBets
        let header = RecordHeader(
            kind: record.kind, count: record.count, agency: record.agency,
            sequence: record.sequence, time: record.time.milliseconds, firstBetIndex: firstBetIndex,
            payloadBytes: record.payloadBytes, payloadChecksum: record.payloadChecksum)
        let payload = record.bytes.span.bytes.extracting(record.payloadIndex...)
        guard let offset = writer?.append(header, payload: payload) else {
            preconditionFailure("a record for a sealed ledger")
        }
        if record.agency != .none { index.append(offset, agency: record.agency) }
        if record.kind == .chunk || record.kind == .lastChunk {
            storedBets += UInt64(record.count)
        }
        return firstBetIndex
    }

    /// Makes the current group durable.
    ///
    /// Blocks: one write, one fdatasync.
    ///
    /// - Throws: ``LedgerError``.
    mutating func commit(time: UInt64) throws(LedgerError) {
        try writer?.commit(time: time)
    }

    /// Ends the file with a closing group.
    ///
    /// - Throws: ``LedgerError``.
    mutating func close(time: UInt64) throws(LedgerError) {
        try writer?.close(time: time)
        writer = nil
    }

    /// Returns the decision on a repeated chunk: the same as the first time, or a conflict if the chunk differs.
    ///
    /// Blocks on the disk: one or two reads.
    ///
    /// - Throws: ``LedgerError`` if the record cannot be read or is damaged.
    func decision(on repetition: Repetition) throws(LedgerError) -> Decision {
        let (chunk, agency) = (repetition.chunk, repetition.agency)
        guard let offset = index.offset(agency: agency, sequence: chunk.sequence) else {
            preconditionFailure("agency \(agency) has no record of sequence \(chunk.sequence)")
        }
        let (header, payload) = try readRecord(at: offset)
        return chunk.decision(repeating: header, payload, of: agency)
    }

    private func readRecord(at offset: Int) throws(LedgerError) -> (RecordHeader, [UInt8]) {
        let bytes: [UInt8]
        do throws(DiskError) {
            let length = try file.read(at: offset, byteCount: 4)
            let recordBytes = length.reduce(0) { $0 << 8 | Int($1) }
            bytes = try file.read(at: offset, byteCount: min(recordBytes, Limits.maxGroupBytes))
        } catch {
            throw .disk(error)
        }
        guard let header = try? RecordHeader(bytes.span.bytes) else {
            throw .damaged(
                path: path, offset: offset,
                reason: "a durable record differs from what was written")
        }
        return (header, Array(bytes[RecordHeader.byteCount...]))
    }
}

extension Chunk {
    /// Returns the decision on a chunk whose sequence is recorded: the same as the first time, or a conflict if it differs.
    func decision(repeating header: RecordHeader, _ payload: [UInt8], of agency: AgencyID) -> Decision {
        let repeated = RecordedChunk(
            agency: agency, sequence: sequence, count: count, isLast: isLast, firstBetIndex: header.firstBetIndex)
        switch header.kind {
        case .rejection:
            if let rejection = RejectionRecord(payload, count: header.count),
                rejection.fingerprint == RejectionRecord.fingerprint(of: self)
            {
                return .repeated(repeated, rejection)
            }
        case .chunk, .lastChunk:
            let isSame =
                isLast == (header.kind == .lastChunk) && count == header.count
                && frame[Chunk.betsIndex...].elementsEqual(payload)
            if isSame { return .repeated(repeated, nil) }
        case .numberedSeal, .start, .seal:
            break
        }
        return .notRecorded(
            NotRecorded(
                agency: agency, sequence: sequence, count: count, code: .conflict,
                reason: "another chunk is stored under sequence \(sequence)"))
    }
}
