import ArgumentParser
import Shell

/// Where the doctor went: it plays agencies.
struct DoctorCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "doctor", abstract: "Moved to agency doctor.", shouldDisplay: false)

    @Argument(parsing: .captureForPassthrough) var arguments: [String] = []

    func run() throws {
        try ProgramExit.run { throw DoctorMoved() }
    }
}

/// The command is another program's.
struct DoctorMoved: ProgramError, CustomStringConvertible {
    var exit: ProgramExit { .usage }
    var description: String { "the doctor plays agencies and is now theirs: agency doctor, with the same options" }
}
