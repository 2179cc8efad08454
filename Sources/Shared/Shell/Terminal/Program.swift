package import ArgumentParser
private import Glibc
import Platform
import Storage

/// The main function of all programs.
package enum Program {
    /// Runs a program to its exit code.
    ///
    /// Help, version and messages are written here, because ArgumentParser exits with success even if the text cannot
    /// be written.
    package static func main<Command: ParsableCommand>(_ type: Command.Type) -> Never {
        ProcessStart.prepare()
        do {
            var command = try type.parseAsRoot(ProcessStart.arguments())
            try command.run()
        } catch {
            end(type, error)
        }
        exit(ProgramExit.done.rawValue)
    }

    private static func end<Command: ParsableCommand>(_ type: Command.Type, _ error: any Error) -> Never {
        let code = type.exitCode(for: error)
        let message = type.fullMessage(for: error)
        guard !message.isEmpty else { exit(code.rawValue) }
        guard code.isSuccess else {
            writeError(message)
            exit(code.rawValue)
        }
        do throws(DiskError) {
            try writeOutput(message)
            exit(code.rawValue)
        } catch {
            writeError("Error: \(error)")
            exit(ProgramExit.internal.rawValue)
        }
    }
}
