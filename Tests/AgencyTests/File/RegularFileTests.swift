import Glibc
import Storage
import TestKit
import Testing

@testable import Agency

struct RegularFileTests {
    @Test("a pipe, a folder, a device and standard input are rejected by name, without being opened")
    func kinds() throws {
        let folder = try TemporaryFolder()
        let fifo = folder.path + "/fifo"
        #expect(mkfifo(fifo, 0o600) == 0)
        let kinds = [
            (fifo, "a pipe"), (folder.path, "a folder"), ("/dev/null", "a device"), ("-", "standard input"),
        ]
        for (path, kind) in kinds {
            #expect(throws: NotRegularFile(path: path, kind: kind)) { try RegularFile.check(path) }
            #expect("\(NotRegularFile(path: path, kind: kind))".contains("a regular file is expected"))
        }
        #expect(throws: DiskError.self) { try RegularFile.check(folder.path + "/none") }
        try RegularFile.check(try folder.write("bets.csv", []))
    }
}
