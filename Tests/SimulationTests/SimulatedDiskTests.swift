import Storage
import TestKit
import Testing

/// Tests that the simulated disk loses what a real one may lose: names and folders whose parent folder was not synced.
struct SimulatedDiskTests {
    @Test("a name survives only if its own folder was synced")
    func names() throws {
        for (synced, survives) in [("a/b", true), ("a", false), ("a/c", false)] {
            let disk = SimulatedDisk()
            try disk.makeFolder("a/b")
            try disk.makeFolder("a/c")
            let file = try disk.open("a/b/x", .replace)
            try file.writeAll([1], at: 0)
            try file.sync()
            try disk.syncFolder(synced)
            disk.losePower(.losesUnsynced)
            #expect((disk.bytes("a/b/x") != nil) == survives, "\(synced) was synced")
        }
    }

    @Test("a folder and its contents survive only if the parent folder was synced")
    func folders() throws {
        let disk = SimulatedDisk()
        try disk.makeOneFolder("a")
        try DurableFile.replace("a/x", with: [1], on: disk)
        disk.losePower(.losesUnsynced)
        #expect(disk.bytes("a/x") == nil && disk.stamp("a") == nil)
    }

    @Test("a durably made folder and a replaced file survive power loss")
    func durable() throws {
        let disk = SimulatedDisk()
        try disk.makeFolder("a/b/c")
        try DurableFile.replace("a/b/c/x", with: [1], on: disk)
        disk.losePower(.losesUnsynced)
        #expect(disk.bytes("a/b/c/x") == [1])
    }
}
