import Domain
import Glibc
import Ledger
import Shell
import Storage
import TestKit
import Testing
import WireProtocol

struct LedgerWriterTests {
    private static let end = LedgerEnd(
        offset: Limits.blockBytes, lastGroupNumber: 0, isClosed: false, tornBytes: 0)

    @Test("a commit is at most one allocate, one write and one sync")
    func calls() throws {
        let disk = SimulatedDisk()
        try LedgerWriter.create(at: LedgerFixture.path, header: LedgerFixture.header, on: disk)
        var writer = try LedgerWriter(LedgerFixture.path, header: LedgerFixture.header, end: Self.end, on: disk)
        disk.setPlan { _ in nil }
        try writer.commit(time: 1)
        try writer.commit(time: 1)
        #expect(
            disk.calls == [
                "allocate bets.ledger", "write bets.ledger", "sync bets.ledger", "write bets.ledger",
                "sync bets.ledger",
            ])
    }

    @Test("short writes are continued until all bytes are written")
    func shortWrites() throws {
        let disk = SimulatedDisk()
        try LedgerWriter.create(at: LedgerFixture.path, header: LedgerFixture.header, on: disk)
        var writer = try LedgerWriter(LedgerFixture.path, header: LedgerFixture.header, end: Self.end, on: disk)
        let payload = [UInt8](repeating: 5, count: 20_000)
        _ = writer.append(Self.record(payload), payload: payload.span.bytes)
        disk.setPlan { $0.name == "write" ? .takesOnly(bytes: 4096) : nil }
        try writer.commit(time: 1)
        #expect(disk.calls.count { $0.hasPrefix("write") } == 5)
        let (groups, _) = try LedgerFixture.read(disk.bytes(LedgerFixture.path) ?? [])
        #expect(groups == [[payload]])
    }

    @Test("a disk that rejects O_DIRECT or preallocation is written without them")
    func fallbacks() throws {
        let disk = SimulatedDisk()
        try LedgerWriter.create(at: LedgerFixture.path, header: LedgerFixture.header, on: disk)
        disk.setPlan { call in
            switch call.name {
            case "allocate": .failsAndIsNotPersisted(errno: 95)
            case "read": .failsAndIsNotPersisted(errno: 22)
            default: nil
            }
        }
        var writer = try LedgerWriter(LedgerFixture.path, header: LedgerFixture.header, end: Self.end, on: disk)
        let isDirect = writer.isDirect
        #expect(!isDirect)
        try writer.commit(time: 1)
        try writer.close(time: 1)
        disk.setPlan { _ in nil }
        #expect(try LedgerFixture.read(disk.bytes(LedgerFixture.path) ?? []).end.isClosed)
    }

    @Test(
        "if there is no room to preallocate, groups are written without; only a group that does not fit is an error",
        arguments: [EFBIG, ENOSPC, EDQUOT])
    func noRoom(_ errno: Int32) throws {
        let disk = SimulatedDisk()
        try LedgerWriter.create(at: LedgerFixture.path, header: LedgerFixture.header, on: disk)
        var writer = try LedgerWriter(LedgerFixture.path, header: LedgerFixture.header, end: Self.end, on: disk)
        let payload: [UInt8] = [1, 2, 3]
        disk.setPlan { $0.name == "allocate" ? .failsAndIsNotPersisted(errno: errno) : nil }
        for _ in 1...2 {
            _ = writer.append(Self.record(payload), payload: payload.span.bytes)
            try writer.commit(time: 1)
        }
        #expect(disk.calls.count { $0.hasPrefix("allocate") } == 1)
        let (groups, _) = try LedgerFixture.read(disk.bytes(LedgerFixture.path) ?? [])
        #expect(groups == [[payload], [payload]])
        disk.setPlan { $0.name == "write" ? .failsAndIsNotPersisted(errno: errno) : nil }
        _ = writer.append(Self.record(payload), payload: payload.span.bytes)
        var failure: LedgerError?
        do throws(LedgerError) { try writer.commit(time: 1) } catch { failure = error }
        guard case .disk(let error)? = failure else {
            Issue.record("\(String(describing: failure))")
            return
        }
        #expect(error.errno == errno && ProgramExit(for: LedgerError.disk(error)) == .internal)
    }

    @Test("opening syncs the ledger that recovery has read, even if nothing is cut off")
    func syncOnOpen() throws {
        let disk = SimulatedDisk()
        try LedgerWriter.create(at: LedgerFixture.path, header: LedgerFixture.header, on: disk)
        disk.setPlan { _ in nil }
        _ = try LedgerWriter(LedgerFixture.path, header: LedgerFixture.header, end: Self.end, on: disk)
        #expect(disk.calls.contains("sync bets.ledger"))
        #expect(!disk.calls.contains("truncate bets.ledger"))
    }

    @Test("opening cuts off a torn group before it syncs")
    func tornGroup() throws {
        let ledger = try LedgerFixture(groupCount: 2, isClosed: false)
        var bytes = ledger.bytes
        bytes[ledger.ends[1] + GroupHeader.byteCount] ^= 1
        ledger.disk.put(LedgerFixture.path, bytes)
        let end = try LedgerFixture.read(bytes).end
        #expect(end.offset == ledger.ends[1] && end.tornBytes > 0)
        ledger.disk.setPlan { _ in nil }
        _ = try LedgerWriter(LedgerFixture.path, header: LedgerFixture.header, end: end, on: ledger.disk)
        #expect(ledger.bytes.count == end.offset)
        #expect(ledger.disk.calls.suffix(2) == ["truncate bets.ledger", "sync bets.ledger"])
    }

    @Test("closing releases preallocated space, and later groups may follow")
    func closing() throws {
        let ledger = try LedgerFixture(groupCount: 1, isClosed: true)
        let (_, end) = try LedgerFixture.read(ledger.bytes)
        #expect(ledger.bytes.count == end.offset)
        var writer = try LedgerWriter(LedgerFixture.path, header: LedgerFixture.header, end: end, on: ledger.disk)
        let payload: [UInt8] = [1, 2, 3]
        _ = writer.append(Self.record(payload), payload: payload.span.bytes)
        try writer.commit(time: 3)
        let (groups, _) = try LedgerFixture.read(ledger.bytes)
        #expect(groups.last == [payload])
    }

    private static func record(_ payload: [UInt8]) -> RecordHeader {
        RecordHeader(
            kind: .chunk, count: 1, agency: AgencyID(1), sequence: 1, time: 1, firstBetIndex: 0,
            payloadBytes: payload.count, payloadChecksum: CRC32C.checksum(payload.span.bytes))
    }
}
