import Shared
import TestKit
import Testing

@testable import WinnersService

struct PublishedResultTests {
    @Test("each file is read once for each time it is replaced, and a damaged result is refused")
    func changes() throws {
        let temporary = try TemporaryFolder()
        let folder = DrawFolder(data: temporary.path, draw: Samples.draw)
        let disk = PosixDisk()
        var published = PublishedResult(folder: folder, disk: disk)
        #expect(published.changes().isEmpty)
        try disk.makeFolder(folder.path)
        let progress = DrawProgress(draw: Samples.draw, state: .open, expectedAgencies: 5, finishedAgencies: [])
        try DurableFile.replace(folder.progress, with: progress.fileBytes, on: disk)
        guard case .progress(progress)? = published.changes().first else {
            Issue.record("no progress")
            return
        }
        #expect(published.changes().isEmpty)
        let result = DrawResult(
            draw: Samples.draw, winningNumber: 1, method: "configured", bets: 0, ledgerBytes: 1, ledgerSHA256: "",
            agencies: [])
        var damaged = result.fileBytes
        damaged[100] ^= 1
        try DurableFile.replace(folder.result, with: damaged, on: disk)
        guard case .refused? = published.changes().first else {
            Issue.record("a damaged result was not refused")
            return
        }
        try DurableFile.replace(folder.result, with: result.fileBytes, on: disk)
        guard case .result(result)? = published.changes().first else {
            Issue.record("no result")
            return
        }
    }
}
