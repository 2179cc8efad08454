import Foundation
import Glibc
import Shell
import Storage
import TestKit
import Testing
import WireProtocol

@testable import Agency

/// Tests of a file that changes while it is read.
struct ChangedFileTests {
    private let service = ModelService()
    private let rows = SendingFixture.rows(57)

    /// Sends the file, changed by `change` after the check, and expects that the last chunk is not sent.
    private func expectChange(
        _ what: String, _ change: (SimulatedDisk) throws -> Void, check: (SimulatedDisk) -> Void = { _ in }
    ) throws {
        let fixture = SendingFixture(rows, service)
        service.window = 1
        var sender = try fixture.sender()
        var dialog = try fixture.dialog()
        try change(fixture.disk)
        #expect {
            _ = try sender.run(&dialog)
        } throws: { error in
            guard let error = error as? BetFileChange else { return false }
            return error.what.contains(what) && error.exit == .tryLater
        }
        #expect(!service.isFinished)
        check(fixture.disk)
    }

    @Test("the run waits for the answers to sent chunks before a change ends it, so that rejected bets are listed")
    func rejectedBeforeChange() throws {
        service.rejects = { $0.sequence == 5 ? .invalidBet : nil }
        try expectChange("it has grown from") { disk in
            try rewrite(disk, "Ana,Paz,1,1990-01-01,1\n", at: disk.bytes("bets.csv")?.count ?? 0)
            service.window = 8
        } check: { disk in
            let rejected = String(decoding: disk.bytes("bets.csv.rejected.csv") ?? [], as: UTF8.self)
            #expect(rejected.split(separator: "\r\n").count == 11 && service.chunks.count == 5)
        }
    }

    private func rewrite(_ disk: SimulatedDisk, _ text: String, at offset: Int) throws {
        let bytes = Array(text.utf8)
        let file = try disk.open("bets.csv", .readWrite)
        try bytes.withUnsafeBytes { try file.writeAll($0, at: offset) }
    }

    @Test("a file that has grown is not finished")
    func grown() throws {
        try expectChange("it has grown from") { disk in
            let size = disk.bytes("bets.csv")?.count ?? 0
            try rewrite(disk, "Ana,Paz,1,1990-01-01,1\n", at: size)
        }
    }

    @Test("a file that has shrunk is not finished")
    func shrunk() throws {
        try expectChange("it has shrunk from") { disk in try disk.open("bets.csv", .readWrite).truncate(to: 1000) }
    }

    @Test("a file that was replaced by another one is not finished")
    func replaced() throws {
        try expectChange("another file has taken its name") { disk in
            disk.put("bets.csv", disk.bytes("bets.csv") ?? [])
        }
    }

    @Test("a file that was removed is not finished")
    func removed() throws {
        try expectChange("it was removed or renamed") { disk in try disk.rename("bets.csv", to: "other.csv") }
    }

    @Test("a file that was rewritten in place, to the same size, is not finished")
    func rewritten() throws {
        try expectChange("it was written to") { disk in try rewrite(disk, "Eva", at: rows[0].utf8.count + 1) }
    }

    @Test("bets other than those that were checked are not finished, although the file looks unchanged")
    func sameStamp() throws {
        let folder = try TemporaryFolder()
        let path = try folder.write("bets.csv", Array(rows.map { $0 + "\n" }.joined().utf8))
        var status = stat()
        #expect(stat(path, &status) == 0)
        let reader = BetFileReader(try BetFile(path, on: PosixDisk()), today: Samples.today)
        let report = RowReport.invalid(of: path, on: PosixDisk()) { _ in }
        let check = try BetFileCheck(reader, invalid: report)
        let handle = try FileHandle(forWritingTo: URL(fileURLWithPath: path))
        try handle.seek(toOffset: UInt64(rows[0].utf8.count + 1))
        try handle.write(contentsOf: Data("Eva".utf8))
        try handle.close()
        #expect(utimensat(AT_FDCWD, path, [status.st_atim, status.st_mtim], 0) == 0)
        var stream = BetStream(reader: reader, check: check, packer: ChunkPacker(maxBets: 100, maxBytes: 8192))
        #expect(throws: BetFileChange(path: path, what: "its bets differ from those that were checked")) {
            try stream.nextChunk(sequence: 1)
        }
    }

    @Test("a file that grows while it is checked is not sent")
    func grownInCheck() throws {
        let fixture = SendingFixture(rows, service)
        let file = try BetFile("bets.csv", on: fixture.disk)
        try rewrite(fixture.disk, "Ana,Paz,1,1990-01-01,1\n", at: file.stamp.size)
        let report = fixture.rejectedReport()
        #expect(throws: BetFileChange.self) {
            _ = try BetFileCheck(BetFileReader(file, today: Samples.today), invalid: report)
        }
    }
}
