import Glibc
import Testing

@testable import Platform

struct FileSystemTypeTests {
    @Test("file systems have their names, and those in memory do not survive a power cut")
    func names() {
        #expect("\(FileSystemType(number: 0xEF53))" == "ext4" && FileSystemType(number: 0xEF53).survivesPowerCut)
        #expect(
            "\(FileSystemType(number: 0x0102_1994))" == "tmpfs" && !FileSystemType(number: 0x0102_1994).survivesPowerCut
        )
        #expect(
            "\(FileSystemType(number: 0x8584_58F6))" == "ramfs" && !FileSystemType(number: 0x8584_58F6).survivesPowerCut
        )
        #expect("\(FileSystemType(number: 0x794C_7630))" == "overlay")
        #expect("\(FileSystemType(number: 0xABC))" == "0xabc")
    }

    @Test("a folder that does not exist yet is on the file system above it")
    func missing() {
        #expect(FileSystemType(of: "/proc/nothing/below") == FileSystemType(of: "/proc"))
        #expect(FileSystemType(of: "nothing") == FileSystemType(of: "."))
        #expect(FileSystemType(of: "/") != nil)
    }

    @Test("errors name their errno")
    func errnoNames() {
        #expect(SystemCall.errorText(ENOENT).hasPrefix("No such file or directory ("))
        #expect(SystemCall.errorText(ENOENT).contains("ENOENT") || SystemCall.errorText(ENOENT).contains("errno 2"))
        #expect(SystemCall.errorText(99_999).contains("errno 99999"))
    }

    @Test("a clock before the program's first day is rejected")
    func clock() {
        #expect(throws: ClockError.self) { try ProgramVersion.checkClock(1_767_225_599_999) }
        #expect(throws: Never.self) { try ProgramVersion.checkClock(1_767_225_600_000) }
        #expect(
            "\(ClockError(now: 86_400_000))"
                == "the clock of this machine says 1970-01-02, before this program was made (2026-01-01): set the clock, "
                + "then start again")
    }

    @Test("threads are started and ended if there is room for them")
    func threads() {
        #expect(throws: Never.self) { try ResourceLimits.checkThreads(8) }
    }
}
