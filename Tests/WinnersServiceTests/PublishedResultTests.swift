import Domain
import Ledger
import Storage
import TestKit
import Testing

@testable import WinnersService

struct PublishedResultTests {
    private let folder: DrawFolder
    private let disk = PosixDisk()
    private let temporary: TemporaryFolder

    init() throws {
        temporary = try TemporaryFolder()
        folder = DrawFolder(data: temporary.path, draw: Samples.draw)
    }

    private func kind(_ change: PublishedResult.Change) -> String {
        switch change {
        case .result(let result, _): "result \(result.winningNumber)"
        case .withdrawn: "withdrawn"
        case .progress(let progress): "progress \(progress.map { "\($0.state)" } ?? "none")"
        case .rejected: "rejected"
        case .waitingForFolder: "waiting"
        }
    }

    @Test("each file is read once per replacement, and a damaged result is rejected")
    func changes() throws {
        var published = PublishedResult(folder: folder, disk: disk)
        #expect(published.changes().map(kind) == ["waiting"])
        #expect(published.changes().isEmpty)
        try disk.makeFolder(folder.path)
        let progress = DrawProgress(
            draw: Samples.draw, ledgerID: 1, state: .open, agencies: 5, finishedAgencies: [])
        try DurableFile.replace(folder.progress, with: progress.fileBytes, on: disk)
        #expect(published.changes().map(kind) == ["progress open"])
        #expect(published.changes().isEmpty)
        let result = Samples.result(winners: [[]], winningNumber: 1)
        var damaged = result.fileBytes
        damaged[100] ^= 1
        try DurableFile.replace(folder.result, with: damaged, on: disk)
        #expect(published.changes().map(kind) == ["rejected"])
        #expect(published.changes().isEmpty)
        try DurableFile.replace(folder.result, with: result.fileBytes, on: disk)
        #expect(published.changes().map(kind) == ["result 1"])
        #expect(published.changes().isEmpty)
    }

    @Test("a result is published even if progress.json cannot be read")
    func unreadableProgress() throws {
        try disk.makeFolder(folder.progress)
        try DurableFile.replace(folder.result, with: Samples.result(winners: [["7"]]).fileBytes, on: disk)
        var published = PublishedResult(folder: folder, disk: disk)
        #expect(published.changes().map(kind) == ["result 7574", "progress none"])
    }

    @Test("a result that is removed, or replaced by one of another draw, is no longer served")
    func withdrawn() throws {
        let file = folder.result
        try disk.makeFolder(folder.path)
        try DurableFile.replace(file, with: Samples.result(winners: [[]]).fileBytes, on: disk)
        var published = PublishedResult(folder: folder, disk: disk)
        #expect(published.changes().map(kind) == ["result 7574"])
        try disk.remove(file)
        #expect(published.changes().map(kind) == ["withdrawn"])
        var other = Samples.result(winners: [[]])
        other.draw = try #require(DrawID("other"))
        try DurableFile.replace(file, with: other.fileBytes, on: disk)
        #expect(published.changes().map(kind) == ["rejected"])
    }
}
