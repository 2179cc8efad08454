import Storage
import TestKit
import Testing

struct DurableFileTests {
    private static let path = "data/result.json"
    private static let old = Array("old".utf8)
    private static let new = Array("the new content".utf8)

    @Test("after any failure and power loss, a replaced file is completely the old or the new one")
    func faults() throws {
        // open, write, sync, rename, syncFolder
        for step in 0..<5 {
            for isPersisted in [false, true] {
                for loss in SimulatedDisk.PowerLoss.allCases {
                    let disk = SimulatedDisk()
                    disk.put(Self.path, Self.old)
                    disk.setPlan { call in
                        guard call.index == step else { return nil }
                        return isPersisted ? .failsButIsPersisted(errno: 5) : .failsAndIsNotPersisted(errno: 5)
                    }
                    #expect(throws: DiskError.self) {
                        try DurableFile.replace(Self.path, with: Self.new, on: disk)
                    }
                    #expect(disk.calls.count == step + 1)
                    disk.losePower(loss)
                    let found = disk.bytes(Self.path)
                    #expect(found == Self.old || found == Self.new, "step \(step), \(loss)")
                }
            }
        }
    }

    @Test("a replaced file survives every power loss")
    func success() throws {
        for loss in SimulatedDisk.PowerLoss.allCases {
            let disk = SimulatedDisk()
            disk.put(Self.path, Self.old)
            try DurableFile.replace(Self.path, with: Self.new, on: disk)
            disk.losePower(loss)
            #expect(disk.bytes(Self.path) == Self.new)
        }
    }

    @Test("the real disk replaces and reads files, and recognizes missing ones")
    func realDisk() throws {
        let folder = try TemporaryFolder()
        let disk = PosixDisk()
        let path = folder.path + "/a/b/file"
        #expect(try DurableFile.read(path, on: disk) == nil)
        try disk.makeFolder(folder.path + "/a/b")
        try DurableFile.replace(path, with: Self.new, on: disk)
        #expect(try DurableFile.read(path, on: disk) == Self.new)
        #expect(try DurableFile.exists(path, on: disk))
        #expect(throws: DiskError.self) { try disk.makeFolder("/proc/nothing/here") }
    }
}
