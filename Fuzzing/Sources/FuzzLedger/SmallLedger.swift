import Domain
import FuzzKit
import Ledger
import WireProtocol

/// A record with its payload, as it was written or read.
struct WholeRecord {
    var header: RecordHeader
    var payload: [UInt8]

    func isSame(as other: WholeRecord) -> Bool {
        header == other.header && isEqual(payload, other.payload)
    }
}

/// The groups and the end that a reader finds in a ledger.
struct FoundLedger {
    var groups: [[WholeRecord]] = []
    var end = LedgerEnd(offset: 0, lastGroupNumber: 0, isClosed: false, tornBytes: 0)

    /// Reads bytes as a ledger, group by group.
    ///
    /// - Throws: any error of the reader.
    init(_ bytes: [UInt8]) throws(LedgerError) {
        var reader = try LedgerReader(SmallLedger.path, on: MemoryDisk(bytes))
        while let records = try reader.nextGroup() {
            groups.append(
                records.map { record in
                    let payload = reader.withPayload(of: record) { $0.withUnsafeBufferPointer { Array($0) } }
                    require(payload.count == record.header.payloadBytes, "a payload of \(payload.count) bytes")
                    return WholeRecord(header: record.header, payload: payload)
                })
        }
        end = try reader.findEnd()
        require(end.offset == reader.offset, "the reader is at \(reader.offset), the end at \(end.offset)")
        require(end.offset <= bytes.count && end.offset % Limits.blockBytes == 0, "the end is at \(end.offset)")
        require(end.lastGroupNumber == UInt64(groups.count), "\(groups.count) groups up to \(end.lastGroupNumber)")
        let last = bytes[end.offset...].lastIndex { $0 != 0 }
        require(
            end.tornBytes == last.map { $0 + 1 - end.offset } ?? 0, "\(end.tornBytes) torn bytes after \(end.offset)")
    }
}

/// A valid ledger of a few blocks, made by ``LedgerWriter``.
struct SmallLedger: Sendable {
    static let path = "bets.ledger"
    static let header: LedgerHeader = {
        guard let draw = DrawID("default") else { violated("default is the name of a draw") }
        return LedgerHeader(draw: draw, ledgerID: 0x0102_0304_0506_0708, createdAt: 1)
    }()

    var bytes: [UInt8] = []
    /// The start of each group, and the end of the last one.
    var offsets = [Limits.blockBytes]

    /// A sealed and closed ledger.
    static let sealed = made(isSealed: true)
    /// A ledger that a service has open, followed by preallocated zeros.
    static let open = made(isSealed: false)

    /// A writer at the end of an empty ledger.
    static func writer(on disk: MemoryDisk) throws(LedgerError) -> LedgerWriter {
        try LedgerWriter.create(at: path, header: header, on: disk)
        let end = LedgerEnd(offset: Limits.blockBytes, lastGroupNumber: 0, isClosed: false, tornBytes: 0)
        return try LedgerWriter(path, header: header, end: end, on: disk)
    }

    /// Returns the columns of some bets.
    ///
    /// - Parameter nameBytes: length of the first names; long names fill blocks and leave fewer zeros to check.
    static func payload(_ count: Int, nameBytes: Int = 3) -> [UInt8] {
        var builder = BetColumnsBuilder()
        for index in 0..<count {
            builder.append(
                Bet(
                    firstName: String(repeating: "a", count: nameBytes), lastName: "Paz",
                    document: String(30_000_000 + index),
                    birthdate: Birthdate(packed: 19_990_317), number: UInt16(7570 + index)))
        }
        return Array(builder.takeChunk(sequence: 1, isLast: false).frame[Chunk.betsIndex...])
    }

    private static func made(isSealed: Bool) -> SmallLedger {
        let rejection = RejectionRecord(
            of: Chunk(isLast: false, sequence: 2, count: 1, frame: [1]), fault: .bet(index: 0, .numberFormat),
            digest: nil)
        let seal = SealRecord(
            reason: .allFinished, instant: Instant(milliseconds: 1), bets: 31, agencies: 2)
        // Kind, agency, sequence, bets before, bets.
        let groups: [[(RecordHeader.Kind, UInt32, UInt32, UInt64, Int)]] = [
            [(.chunk, 1, 1, 0, 12), (.chunk, 2, 1, 12, 1)], [(.rejection, 2, 2, 13, 1), (.chunk, 1, 2, 13, 14)],
            [(.lastChunk, 1, 3, 27, 4), (.lastChunk, 2, 3, 31, 0)], [(.seal, 0, 0, 31, 0)],
        ]
        var ledger = SmallLedger()
        let disk = MemoryDisk([])
        do throws(LedgerError) {
            var writer = try writer(on: disk)
            for group in isSealed ? groups : Array(groups.dropLast()) {
                for (kind, agency, sequence, before, count) in group {
                    let payload =
                        kind == .rejection
                        ? rejection.bytes : kind == .seal ? seal.bytes : payload(count, nameBytes: 255)
                    let header = RecordHeader(
                        kind: kind, count: count, agency: AgencyID(agency), sequence: sequence, time: 1,
                        firstBetIndex: before, payloadBytes: payload.count,
                        payloadChecksum: CRC32C.checksum(payload.span.bytes))
                    _ = writer.append(header, payload: payload.span.bytes)
                }
                try writer.commit(time: 1)
                ledger.offsets.append(writer.endOffset)
            }
            if isSealed {
                try writer.close(time: 2)
                ledger.offsets.append(writer.endOffset)
            }
        } catch {
            violated("\(error)")
        }
        ledger.bytes = disk.bytes + [UInt8](repeating: 0, count: isSealed ? 0 : 2 * Limits.blockBytes)
        return ledger
    }
}
