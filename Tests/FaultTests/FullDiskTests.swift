import Foundation
import Glibc
import Shell
import TestKit
import Testing

/// Tests of the real bet-ingest on a disk that becomes full.
@Suite(.serialized)
struct FullDiskTests {
    /// Free space in KiB, from no room to room for everything.
    private static let rooms = [0, 4, 8, 12, 16, 20, 24, 28, 32, 36, 40, 48, 2048]

    @Test(
        "without room nothing is acknowledged and the service says so; with room it resumes",
        arguments: SmallDisk.Kind.allCases)
    func fullDisk(_ kind: SmallDisk.Kind) throws {
        var endings: [String] = []
        for room in Self.rooms {
            let name = "\(kind), \(room) KiB"
            guard let disk = try SmallDisk(kind) else { try Test.cancel("skipped: \(kind) cannot be mounted here") }
            let folder = try FaultFolder(mount: disk.path)
            try #require(disk.fill(leaving: room), "\(name)")
            var agencies = PatientAgencies()
            let (firstCode, firstLog) = try serve(folder, &agencies)
            let stored = agencies.acknowledged
            if firstCode != 0 {
                #expect(firstCode == 70 && firstLog.contains("No space left on device"), "\(name): \(firstLog)")
                // After a restart without room it stores only what fits, and says so again.
                let (code, log) = try serve(folder, &agencies)
                #expect(code == 0 || code == 70 && log.contains("No space left on device"), "\(name): \(log)")
            }
            #expect(disk.makeRoom())
            let (code, log) = try serve(folder, &agencies)
            #expect(code == 0, "\(name): \(log)")
            try folder.checkDraw(name)
            endings.append("\(room): \(firstCode) after \(stored[0] + stored[1])")
        }
        #expect(endings.contains { $0.contains(": 0 after 7") } && endings.contains { $0.contains(": 70 after 0") })
        #expect(endings.contains { $0.contains(#/: 70 after [1-6]/#) }, "no room was lost in mid-stream: \(endings)")
        writeError("full disk, \(kind): KiB of room: exit code after chunks acknowledged: \(endings)")
    }

    @Test(
        "a disk with room for the draw but not for the preallocation is not a full disk",
        arguments: SmallDisk.Kind.allCases)
    func noRoomAhead(_ kind: SmallDisk.Kind) throws {
        guard let disk = try SmallDisk(kind) else { try Test.cancel("skipped: \(kind) cannot be mounted here") }
        let folder = try FaultFolder(mount: disk.path)
        try #require(disk.fill(leaving: 256))
        var agencies = PatientAgencies()
        let (code, log) = try serve(folder, &agencies)
        #expect(code == 0, "\(log)")
    }

    /// Runs the service until it ends; the agencies send as long as it serves them.
    private func serve(_ folder: FaultFolder, _ agencies: inout PatientAgencies) throws -> (Int32, String) {
        let ingest = try folder.serve()
        let line = try ingest.waitForLog("accept_connections", orAny: ["action: exit"])
        if line.contains("accept_connections") { _ = try agencies.send(to: try ingest.waitForAddress()) }
        return (try ingest.waitForExit(), ingest.log)
    }
}
