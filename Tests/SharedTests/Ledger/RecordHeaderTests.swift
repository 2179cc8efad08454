import Domain
import Ledger
import TestKit
import Testing
import WireProtocol

/// The bytes of the ledger match the dumps in docs/ledger.md, which another program made.
struct RecordHeaderTests {
    private let chunk = Samples.chunk(sequence: 1, bets: Samples.documentedBets)

    private var record: RecordHeader {
        let payload = chunk.bets.bytes
        return RecordHeader(
            kind: .chunk, count: 2, agency: AgencyID(1), sequence: 1, time: 1_763_676_675_123, firstBetIndex: 0,
            payloadBytes: payload.byteCount, payloadChecksum: CRC32C.checksum(payload))
    }

    @Test("the header block matches its dump")
    func header() throws {
        let block = LedgerFixture.header.block
        let dump = try Repository.dump("ledger-header", in: "docs/ledger.md")
        #expect(block.count == Limits.blockBytes)
        #expect(Array(block[..<64]) + Array(block[4092...]) == dump)
        #expect(block[64..<4092].allSatisfy { $0 == 0 })
        #expect(try LedgerHeader(block: block, path: "") == LedgerFixture.header)
    }

    @Test("group and record match their dumps, also when the writer writes them")
    func groupAndRecord() throws {
        let header = record.bytes.span.withUnsafeBufferPointer { Array($0) }
        #expect(header == (try Repository.dump("record-header", in: "docs/ledger.md")))
        let disk = SimulatedDisk()
        try LedgerWriter.create(at: LedgerFixture.path, header: LedgerFixture.header, on: disk)
        var writer = try LedgerWriter(
            LedgerFixture.path, header: LedgerFixture.header,
            end: LedgerEnd(offset: Limits.blockBytes, lastGroupNumber: 0, isClosed: false, tornBytes: 0), on: disk)
        #expect(writer.append(record, payload: chunk.bets.bytes) == Limits.blockBytes + GroupHeader.byteCount)
        try writer.commit(time: 1_763_676_675_123)
        let written = try #require(disk.bytes(LedgerFixture.path))
        let group = Array(written[4096..<4096 + GroupHeader.byteCount])
        #expect(group == (try Repository.dump("group-header", in: "docs/ledger.md")))
        let body = header + chunk.frame[Chunk.betsIndex...]
        #expect(Array(written[4096 + GroupHeader.byteCount..<4096 + GroupHeader.byteCount + body.count]) == body)
    }

    @Test("the payloads of rejections and seals match their dumps and are read back")
    func payloads() throws {
        let rejection = RejectionRecord(
            of: chunk, fault: .bet(index: 1, .documentCharacter),
            digest: BetsDigest(BetColumns(chunk.bets, count: chunk.count)))
        #expect(rejection.bytes == (try Repository.dump("rejection-payload", in: "docs/ledger.md")))
        #expect(RejectionRecord(rejection.bytes, count: 2) == rejection)
        #expect(RejectionRecord(Array(rejection.bytes.dropLast()), count: 2) == nil)
        let version1 = try #require(RejectionRecord(Array(rejection.bytes.dropLast(44)), count: 2))
        #expect(version1.digest == nil && version1.message == rejection.message)
        let seal = SealRecord(
            reason: .cutOff, instant: Instant(milliseconds: 1_763_676_675_123), bets: 2, agencies: 5,
            unfinished: [AgencyID(3)], absent: [AgencyID(4), AgencyID(5)])
        #expect(seal.bytes == (try Repository.dump("seal-payload", in: "docs/ledger.md")))
        #expect(SealRecord(seal.bytes) == seal)
        var sparse = seal
        sparse.excluded = [AgencyID(1), AgencyID(2)]
        #expect(SealRecord(sparse.bytes) == sparse && sparse.bytes.dropLast(8) == seal.bytes[...])
        #expect(SealRecord(seal.bytes + [0]) == nil)
        #expect(SealRecord([5] + seal.bytes.dropFirst()) == nil)
        let numbered = try Repository.dump("numbered-seal-payload", in: "docs/ledger.md")
        let time = Instant(milliseconds: 9)
        let earlier = try #require(SealRecord(version1: numbered, time: time))
        #expect(earlier.number == DrawnNumber(number: 7574, method: "configured") && earlier.instant == time)
        #expect(earlier.bets == 2 && earlier.agencies == 5 && earlier.finishedCount == 5)
        #expect(SealRecord(version1: numbered + [0], time: time) == nil)
    }

    @Test("the checksum is CRC-32C, with the instruction and without")
    func checksum() {
        // RFC 3720, B.4.
        #expect(CRC32C.checksum([UInt8](repeating: 0, count: 32).span.bytes) == 0x8A91_36AA)
        #expect(CRC32C.checksum([UInt8](repeating: 0xFF, count: 32).span.bytes) == 0x62A8_AB43)
        #expect(CRC32C.checksum([UInt8](0..<32).span.bytes) == 0x46DD_794E)
        var random = SeededGenerator(seed: 11)
        let bytes = (0..<20_000).map { _ in UInt8.random(in: 0...255, using: &random) }
        for _ in 0..<200 {
            let start = Int.random(in: 0..<20_000, using: &random)
            let end = Int.random(in: start...20_000, using: &random)
            let cut = Int.random(in: start...end, using: &random)
            let whole = CRC32C.checksum(bytes.span.bytes.extracting(start..<end))
            let first = CRC32C.checksum(bytes.span.bytes.extracting(start..<cut))
            #expect(CRC32C.checksum(bytes.span.bytes.extracting(cut..<end), continuing: first) == whole)
            #expect(CRC32C.tableChecksum(bytes.span.bytes.extracting(start..<end)) == whole)
        }
    }
}
