import ArgumentParser
import Foundation
import Glibc
import Platform
import Shell

/// Runs `bet-ingest-pki`, a program of its own, which the same folder holds: certificates take a minute of the first build,
/// and the service needs none of that code.
struct PkiCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "pki", abstract: "Make the keys and certificates of a lottery, for TLS (make pki builds it).")

    @Argument(parsing: .captureForPassthrough)
    var arguments: [String] = []

    func run() throws {
        try ProgramExit.run {
            let folder = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath().deletingLastPathComponent()
            let program = folder.path + "/bet-ingest-pki"
            var pointers: [UnsafeMutablePointer<CChar>?] = ([program] + arguments).map { strdup($0) } + [nil]
            execv(program, &pointers)
            throw PkiMissing(path: program, reason: SystemCall.errorText(errno))
        }
    }
}

/// An error: the program of the keys cannot be started.
private struct PkiMissing: ProgramError, CustomStringConvertible {
    var path: String
    var reason: String
    var exit: ProgramExit { .internal }
    var description: String { "\(path): \(reason); make pki builds it" }
}
