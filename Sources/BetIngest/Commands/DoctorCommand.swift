import ArgumentParser
import Shell

/// A hidden command that tells users of the old `bet-ingest doctor` to run `agency doctor`.
struct DoctorCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "doctor", abstract: "Moved to agency doctor.", shouldDisplay: false)

    @Argument(parsing: .captureForPassthrough) var arguments: [String] = []

    func run() throws {
        try ProgramExit.run { throw DoctorMoved() }
    }
}

/// An error: the command is now one of another program.
struct DoctorMoved: ProgramError, CustomStringConvertible {
    var exit: ProgramExit { .usage }
    var description: String { "the doctor is now a command of the agency: agency doctor, with the same options" }
}
