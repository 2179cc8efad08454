import Domain
import Foundation
import Ledger
import Storage
import TestKit
import Testing
import WireProtocol

/// `bet-ingest verify` on files that were changed after the draw.
struct VerifyTests {
    private func changeResult(_ files: DrawFiles, _ change: (inout DrawResult) -> Void) throws {
        var result = try DrawResult(fileBytes: Array(try files.bytes(files.result)))
        change(&result)
        try Data(result.fileBytes).write(to: URL(fileURLWithPath: files.result))
    }

    @Test("a result with a valid checksum and other winners fails, and the difference is named")
    func forgedWinners() throws {
        let files = try DrawFiles(bets: 2)
        try changeResult(files) { $0.agencies?[1].winners = ["30901009"] }
        let script = try files.run("bet-ingest verify --data d")
        #expect(script.code == 65, "\(script)")
        #expect(
            script.errors.contains(
                "agency 2, winners: the result has 1, the ledger gives 1; the first difference is winner 1: 30901009 and "
                    + "30901000"), "\(script)")
        #expect(!script.errors.contains("move") && script.errors.contains("Keep both files unchanged"))
    }

    @Test("a changed result and a result beside an unsealed ledger are reported differently")
    func otherFaults() throws {
        let files = try DrawFiles(bets: 2)
        let changed = try files.run("sed -i 's/7574/7575/' \(files.result); bet-ingest verify --data d")
        #expect(changed.code == 65 && changed.errors.contains("the checksum does not match"), "\(changed)")
        let open = try DrawFiles(bets: 2, isUnfinished: true)
        let published = try DrawFiles(bets: 2)
        _ = try open.run("cp \(published.result) \(open.result)")
        let unsealed = try open.run("bet-ingest verify --data d")
        #expect(unsealed.code == 65 && unsealed.errors.contains("has no seal"), "\(unsealed)")
    }

    @Test("the result is read before the ledger, so a draw published meanwhile is not reported as a fault")
    func order() throws {
        let files = try DrawFiles(bets: 2)
        let script = try files.run(
            "LD_PRELOAD=$SHIM bet-ingest verify --data d >/dev/null; grep -n pread trace",
            environment: [
                "FAULT_SHIM_FOLDER": files.folder.path + "/d", "FAULT_SHIM_TRACE": files.folder.path + "/trace",
            ])
        let calls = script.output.split(separator: "\n").map(String.init)
        let result = calls.firstIndex { $0.contains("result.json") }
        let ledger = calls.firstIndex { $0.contains("bets.ledger") }
        #expect(try #require(result) < #require(ledger), "\(script)")
    }

    @Test("the number of winning bets and the winning number are printed")
    func wording() throws {
        let files = try DrawFiles(bets: 2)
        let output = try files.run("bet-ingest verify --data d").output
        #expect(output.contains("result    valid: 2 winning bets on number 7574, drawn again from"), "\(output)")
    }

    @Test("a record with a wrong bet count is damage, for export too")
    func wrongCount() throws {
        let folder = try TemporaryFolder()
        let path = DrawFolder(data: folder.path + "/d", draw: Samples.draw).ledger
        let header = LedgerHeader(draw: Samples.draw, ledgerID: 1, createdAt: 1_795_000_000_000)
        try LedgerWriter.create(at: path, header: header, on: PosixDisk())
        var writer = try LedgerWriter(
            path, header: header,
            end: LedgerEnd(offset: Limits.blockBytes, lastGroupNumber: 0, isClosed: false, tornBytes: 0),
            on: PosixDisk())
        let payload = Array(Samples.chunk(agency: 1, sequence: 1).frame[Chunk.betsIndex...])
        _ = writer.append(
            RecordHeader(
                kind: .chunk, count: 40_000, agency: AgencyID(1), sequence: 1, time: 1, firstBetIndex: 0,
                payloadBytes: payload.count, payloadChecksum: CRC32C.checksum(payload.span.bytes)),
            payload: payload.span.bytes)
        try writer.commit(time: 1)
        for command in ["verify", "export"] {
            let script = try ShellScript("bet-ingest \(command) --data d", in: folder)
            #expect(script.code == 65 && script.errors.contains("bets.ledger: byte "), "\(script)")
        }
    }
}
