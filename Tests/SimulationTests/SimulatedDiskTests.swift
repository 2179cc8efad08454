import Storage
import TestKit
import Testing

/// What the simulated disk forgets is what a real one may forget: names by folder, folders by the one above.
struct SimulatedDiskTests {
    @Test("a name survives only when its own folder was synced")
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

    @Test("a folder survives only when the one above was synced, and what is in it with it")
    func folders() throws {
        let disk = SimulatedDisk()
        try disk.makeOneFolder("a")
        try DurableFile.replace("a/x", with: [1], on: disk)
        disk.losePower(.losesUnsynced)
        #expect(disk.bytes("a/x") == nil && disk.stamp("a") == nil)
    }

    @Test("a folder that was made durably, and a file that was replaced, are there after the power was lost")
    func durable() throws {
        let disk = SimulatedDisk()
        try disk.makeFolder("a/b/c")
        try DurableFile.replace("a/b/c/x", with: [1], on: disk)
        disk.losePower(.losesUnsynced)
        #expect(disk.bytes("a/b/c/x") == [1])
    }
}
