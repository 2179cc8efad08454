import Domain
import Ledger
import TestKit
import Testing
import WireProtocol

/// A small ledger on a simulated disk, with the contents that a reader must find.
struct LedgerFixture {
    static let path = "data/bets.ledger"
    static let header = LedgerHeader(
        draw: Samples.draw, ledgerID: 0x0102_0304_0506_0708, createdAt: 1_763_676_675_000)

    let disk = SimulatedDisk()
    /// The payloads of each group, in order.
    private(set) var groups: [[[UInt8]]] = []
    /// The end of each group, after that of the header block.
    private(set) var ends: [Int] = [Limits.blockBytes]

    /// Writes groups of 1, 2, 3 … chunks, and optionally closes the ledger.
    init(groupCount: Int, isClosed: Bool) throws {
        try LedgerWriter.create(at: Self.path, header: Self.header, on: disk)
        var writer = try LedgerWriter(
            Self.path, header: Self.header,
            end: LedgerEnd(offset: Limits.blockBytes, lastGroupNumber: 0, isClosed: false, tornBytes: 0), on: disk)
        var sequence: UInt32 = 0
        for group in 0..<groupCount {
            var payloads: [[UInt8]] = []
            for _ in 0...group {
                sequence += 1
                let chunk = Samples.chunk(agency: 1, sequence: sequence, count: 10 + 30 * group)
                let payload = Array(chunk.frame[Chunk.betsIndex...])
                _ = writer.append(
                    RecordHeader(
                        kind: .chunk, count: chunk.count, agency: AgencyID(1), sequence: sequence, time: 1,
                        firstBetIndex: 0, payloadBytes: payload.count,
                        payloadChecksum: CRC32C.checksum(payload.span.bytes)), payload: payload.span.bytes)
                payloads.append(payload)
            }
            try writer.commit(time: 1)
            groups.append(payloads)
            ends.append(writer.endOffset)
        }
        if isClosed {
            try writer.close(time: 2)
            ends.append(writer.endOffset)
            groups.append([])
        }
    }

    var bytes: [UInt8] { disk.bytes(Self.path) ?? [] }

    /// Reads these bytes as a ledger.
    static func read(_ bytes: [UInt8]) throws -> (groups: [[[UInt8]]], end: LedgerEnd) {
        let disk = SimulatedDisk()
        disk.put(path, bytes)
        var reader = try LedgerReader(path, on: disk)
        var groups: [[[UInt8]]] = []
        while let records = try reader.nextGroup() {
            groups.append(
                records.map { record in
                    reader.withPayload(of: record) { $0.withUnsafeBufferPointer { Array($0) } }
                })
        }
        return (groups, try reader.findEnd())
    }
}
