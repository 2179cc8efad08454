import Foundation
import Platform
import Testing

struct StartupPagesTests {
    /// Returns the resident size of this program's file in mappings that are not writable.
    private func residentKilobytes() throws -> Int {
        let program = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
        var (sum, isOfProgram) = (0, false)
        for line in try String(contentsOfFile: "/proc/self/smaps", encoding: .utf8).split(separator: "\n") {
            let fields = line.split(separator: " ", omittingEmptySubsequences: true)
            if fields[0].contains("-") {
                isOfProgram = line.hasSuffix(program) && !fields[1].contains("w")
            } else if isOfProgram, fields[0] == "Rss:" {
                sum += Int(fields[1]) ?? 0
            }
        }
        return sum
    }

    @Test("the program's pages leave its memory, and those used again return")
    func pagesLeave() throws {
        let before = try residentKilobytes()
        SystemCall.forgetStartupPages()
        let after = try residentKilobytes()
        #expect(before > 0 && after < before, "\(before) KB before, \(after) after")
    }
}
