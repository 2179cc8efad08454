import Domain
import Ledger
import NIOEmbedded
import Shell
import TestKit
import Testing
import WireProtocol

@testable import BetIngest
@testable import WinnersService

/// Tests of files of other versions: older ones are read; records and groups of newer ones are named and never cut off.
struct VersionsTests {
    private let folder = DrawFolder(data: "/data", draw: Samples.draw)

    private func disk(_ files: [String: String]) throws -> SimulatedDisk {
        let disk = SimulatedDisk()
        for (path, fixture) in files { disk.put(path, try Repository.bytes("Tests/Fixtures/version-1/" + fixture)) }
        return disk
    }

    private func recover(_ disk: SimulatedDisk, agencies: UInt32 = 5) throws -> DrawRecovery {
        try #require(try DrawRecovery(folder, agencies: agencies, on: disk, time: 1) { false })
    }

    @Test("a ledger of version 1 opens and stays one of version 1")
    func openLedger() throws {
        let disk = try disk([folder.ledger: "open.ledger"])
        let recovery = try recover(disk)
        #expect(recovery.contents.header.version == 1)
        #expect(recovery.contents.standings.storedBets == 48)
        let standing = recovery.contents.standings[AgencyID(4)]
        #expect(standing.rejectedBets == 2 && standing.nextSequence == 2)
        // Version 1 did not record the digest of rejected bets.
        #expect(standing.stream.checksum == nil && standing.stream.lastChunk == .rejected)
        #expect(recovery.contents.standings[AgencyID(1)].stream.checksum != nil)
        let configuration = try ServiceConfiguration(flags: ["data": "/data"], environment: [:], file: nil)
        let ingest = try SimulatedIngest(
            configuration, on: disk, loop: EmbeddedEventLoop(), ledgerID: 7, clock: { 2 })
        try ingest.stop()
        let again = try LedgerContents(reading: folder.ledger, on: disk)
        #expect(again.header.version == 1 && again.standings.expectedAgencies == 0)
        #expect(again.standings.storedBets == 48)
    }

    @Test("a result of version 1 is accepted by a restart, served by winners-service, and the same when drawn again")
    func publishedDraw() throws {
        let disk = try disk([folder.ledger: "sealed.ledger", folder.result: "result.json"])
        let published = try #require(try recover(disk).published)
        #expect(published.result.version == 1 && published.result.winningBets == 9)
        let entry = try published.winners.entry(AgencyID(5))
        #expect(entry.winners == 2 && entry.bets == 34)
        var watched = PublishedResult(folder: folder, disk: disk)
        #expect(watched.changes().contains { if case .result = $0 { true } else { false } })
        let seal = try #require(try LedgerContents(reading: folder.ledger, on: disk).standings.seal)
        let draw = Draw(folder: folder, disk: disk, winnersPath: "/data/again") { false }
        let number = try #require(seal.number)
        #expect(published.result.isOutcome(try #require(try draw.run(seal, number: number))))
    }

    @Test("a record of a kind of a newer version is named and not cut off as torn")
    func newerRecord() throws {
        let (disk, end) = try ledgerBeforeLastGroup()
        let payload: [UInt8] = [1, 2, 3]
        var header = RecordHeader(
            kind: .chunk, count: 0, agency: AgencyID(1), sequence: 1, time: 1, firstBetIndex: 0, payloadBytes: 3,
            payloadChecksum: 0
        ).bytes
        header[8] = 9
        var record = (0..<36).map { header[$0] } + payload
        let checksum = CRC32C.checksum(record[8..<36].span.bytes, continuing: CRC32C.checksum(payload.span.bytes))
        record.replaceSubrange(4..<8, with: Self.bytes(checksum))
        let group = GroupHeader(
            kind: .records, groupBytes: GroupHeader.byteCount + record.count, recordCount: 1, number: 2, ledgerID: 7,
            time: 1, recordsChecksum: CRC32C.checksum(record[4..<8].span.bytes))
        try expectUnknown(disk, at: end, group.bytes + record, what: "record", fault: end + GroupHeader.byteCount)
    }

    @Test("a group of a kind of a newer version is named and not cut off as torn")
    func newerGroup() throws {
        let (disk, end) = try ledgerBeforeLastGroup()
        var group = GroupHeader(
            kind: .closing, groupBytes: GroupHeader.byteCount, recordCount: 0, number: 2, ledgerID: 7, time: 1,
            recordsChecksum: 0)
        group.kindCode = 9
        try expectUnknown(disk, at: end, group.bytes, what: "group", fault: end)
        // Damage before such a group is reported as damage, not as a torn tail.
        var bytes = try #require(disk.bytes(folder.ledger))
        bytes[4096 + 60] ^= 1
        disk.put(folder.ledger, bytes)
        #expect {
            try recover(disk)
        } throws: { error in
            if case LedgerError.damaged = error { true } else { false }
        }
    }

    private static func bytes(_ value: UInt32) -> [UInt8] {
        [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: value >> $0) }
    }

    /// Makes a ledger with one group; returns the offset of the next group.
    private func ledgerBeforeLastGroup() throws -> (SimulatedDisk, Int) {
        let disk = SimulatedDisk()
        try LedgerWriter.create(
            at: folder.ledger, header: LedgerHeader(draw: Samples.draw, ledgerID: 7, createdAt: 1), on: disk)
        let contents = try LedgerContents(reading: folder.ledger, on: disk)
        _ = try OpenLedger(
            folder.ledger, contents: contents, on: disk, time: 1, start: StartRecord(agencies: 5, program: "test"))
        return (disk, try LedgerContents(reading: folder.ledger, on: disk).end.offset)
    }

    private func expectUnknown(
        _ disk: SimulatedDisk, at end: Int, _ group: [UInt8], what: String, fault: Int
    ) throws {
        var bytes = Array(try #require(disk.bytes(folder.ledger))[..<end])
        bytes += group + [UInt8](repeating: 0, count: 4096 - group.count)
        disk.put(folder.ledger, bytes)
        #expect(throws: LedgerError.unknownKind(path: folder.ledger, offset: fault, what: what, kind: 9)) {
            try recover(disk)
        }
        #expect(disk.bytes(folder.ledger) == bytes)
    }
}
