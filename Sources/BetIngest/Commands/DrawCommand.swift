import ArgumentParser
import Control
import Domain
import Foundation
import Ledger
import Platform
import Shell
import Storage

struct DrawCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "draw",
        abstract: "Open, close or settle a draw of the running service.",
        discussion: """
            The commands reach the service through its control socket, data/control/ingest.sock, as the user who runs \
            them: the service's own, or one of operators.users. Each is recorded in events.log.

            EXIT CODES
              0 done · 64 usage · 65 the service rejects the command, with the reason · 75 no service runs
            """,
        subcommands: [
            OpenDrawCommand.self, CloseDrawCommand.self, MoveCutOffCommand.self, EnterNumberCommand.self,
            VoidDrawCommand.self, SettleCommand.self,
        ])
}

/// The service's rejection of a command.
struct CommandRejected: ProgramError, CustomStringConvertible {
    var description: String
    var exit: ProgramExit { .data }
}

/// No service to command.
struct NoService: ProgramError, CustomStringConvertible {
    var path: String
    var exit: ProgramExit { .tryLater }
    var description: String {
        "no bet-ingest serves \(path): start it, or name its data folder with --data"
    }
}

/// The name of a draw, and what a command needs to reach the service.
struct DrawArgument: ParsableArguments {
    @OptionGroup var options: ConfigurationOptions

    @Argument(help: ArgumentHelp("The draw.", valueName: "id"), transform: DrawArgument.draw)
    var id: DrawID

    @Option(help: "text, or json: one object.")
    var output: OutputFormat = .text

    private static func draw(_ text: String) throws -> DrawID {
        guard let draw = DrawID(text) else {
            throw ValidationError("\(text) is not the name of a draw: 1 to 64 letters, digits, - or _")
        }
        return draw
    }

    /// Sends a command and prints the reply.
    ///
    /// - Throws: ``NoService``, ``CommandRejected``, ``ControlFailure``.
    func send(_ request: ControlRequest, _ configuration: ServiceConfiguration) throws {
        let path = configuration.folder.data.ingestSocket
        do throws(ControlFailure) {
            switch try ControlClient.ask(request, at: path) {
            case .failed(let reason): throw ControlFailure(path: path, reason: reason)
            case .ok(let bytes):
                let text = ControlReply.text(bytes)
                try? writeOutput(output == .json ? String(decoding: bytes, as: UTF8.self).doneObject(id) : text)
            }
        } catch {
            if error.isAbsent { throw NoService(path: path) }
            throw CommandRejected(description: error.reason)
        }
    }

    /// Reads a time: RFC 3339 in UTC, or hh:mm of the draw's date in the time zone of the calendar.
    ///
    /// - Throws: ``ConfigurationError``; `ValidationError`.
    func instant(_ text: String, _ configuration: ServiceConfiguration) throws -> Instant {
        if let instant = Instant(text) ?? Instant(text.replacingOccurrences(of: "Z", with: ".000Z")) { return instant }
        guard let time = TimeOfDay(text) else {
            throw ValidationError("\(text): hh:mm, or a time such as 2026-12-24T23:55:00Z, is expected")
        }
        let zone = try configuration.calendar.map { try CalendarPlanner(path: $0).zone } ?? TimeZoneRules()
        let date = CalendarDay(String(id.name.prefix(10))) ?? zone.today(SystemCall.unixMilliseconds())
        do throws(TimeZoneFault) {
            return Instant(milliseconds: UInt64(try zone.instant(date, time)) * 1000)
        } catch {
            throw ConfigurationError(["\(error)"])
        }
    }
}

extension String {
    /// An object with the draw and the service's reply, which is a JSON text.
    fileprivate func doneObject(_ draw: DrawID) -> String { "{\"done\":\(self),\"draw\":\"\(draw)\"}" }
}

struct OpenDrawCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "open", abstract: "Open a draw outside the calendar.",
        discussion: """
            EXAMPLES
              bet-ingest draw open extra --closes 20:50
              bet-ingest draw open 2026-12-31-especial --closes 2026-12-31T23:30:00Z --number entered
            """)

    @OptionGroup var draw: DrawArgument

    @Option(
        help: ArgumentHelp("The cut-off; without it the draw closes when every agency has finished.", valueName: "time")
    )
    var closes: String?

    @Option(help: "The source of the number: entered, after the seal, or configured (draw.winningNumber).")
    var number = "entered"

    func run() throws {
        try ProgramExit.run {
            let configuration = try draw.options.load()
            guard let source = DrawTerms.NumberSource(rawValue: number) else {
                throw ValidationError("--number \(number): entered or configured is expected")
            }
            let cutOff = try closes.map { try draw.instant($0, configuration) }
            try draw.send(.open(draw.id, cutOff: cutOff, number: source), configuration)
        }
    }
}

struct CloseDrawCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "close", abstract: "Close a draw now, without the agencies that have not finished.",
        discussion: """
            Prints the agencies that have not finished, with the bets of theirs that are in the draw, and asks for the \
            draw's name. Their acknowledged bets take part.
            """)

    @OptionGroup var draw: DrawArgument

    @Flag(help: "Do not ask.")
    var yes = false

    func run() throws {
        try ProgramExit.run {
            var configuration = try draw.options.load()
            configuration.draw = draw.id
            configuration.isDrawChosen = true
            let status = try DrawReport(configuration).status()
            guard status.source == .service else {
                // Either no service runs, or it does not use the draw; it says which.
                return try draw.send(.close(draw.id), configuration)
            }
            try writeOutput(status.text(folder: configuration.folder))
            let summary = status.summary
            try writeOutput(
                "agencies that have not finished: \(summary.unfinishedAgencies), their acknowledged bets are in the draw; "
                    + "agencies without bets: \(summary.absentAgencies)")
            try confirm()
            try draw.send(.close(draw.id), configuration)
        }
    }

    private func confirm() throws {
        if yes { return }
        writeError("Type the draw's name to close it:")
        guard readLine() == draw.id.name else {
            throw CommandRejected(description: "not closed: the name is not \(draw.id)")
        }
    }
}

struct MoveCutOffCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cut-off", abstract: "Move a cut-off that has not passed.")

    @OptionGroup var draw: DrawArgument

    @Argument(help: ArgumentHelp("hh:mm of the draw's date, or a time in UTC.", valueName: "time"))
    var time: String

    func run() throws {
        try ProgramExit.run {
            let configuration = try draw.options.load()
            try draw.send(.moveCutOff(draw.id, to: try draw.instant(time, configuration)), configuration)
        }
    }
}

struct EnterNumberCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "number", abstract: "Enter the winning number of a sealed draw; the second entry must agree.",
        discussion: """
            Each run is one entry. With operators.fourEyes the second must come from another user. An entry is kept in \
            memory until the second one: after a restart both are entered again.
            """)

    @OptionGroup var draw: DrawArgument

    @Option(help: "The number, for scripts; without it the command asks.")
    var number: String?

    func run() throws {
        try ProgramExit.run {
            let configuration = try draw.options.load()
            if number == nil { writeError("The winning number of draw \(draw.id), 0 to 9999:") }
            let text = number ?? readLine() ?? ""
            guard let value = UInt16(text), value <= Limits.maxNumber else {
                throw ValidationError("\(text) is not a number from 0 to 9999")
            }
            try draw.send(.enterNumber(draw.id, value), configuration)
        }
    }
}

struct VoidDrawCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "void", abstract: "Make a draw void, before its publication.",
        discussion: "The draw takes no more bets and is not drawn; refunds.csv in its folder lists its bets.")

    @OptionGroup var draw: DrawArgument

    @Option(help: "Why, for the events and the agencies.")
    var reason: String

    @Flag(help: "Do not ask.")
    var yes = false

    func run() throws {
        try ProgramExit.run {
            guard !reason.isEmpty, reason.utf8.count <= Limits.maxReasonBytes else {
                throw ValidationError("--reason: 1 to \(Limits.maxReasonBytes) bytes are expected")
            }
            let configuration = try draw.options.load()
            if !yes {
                writeError("Type the draw's name to make it void:")
                guard readLine() == draw.id.name else {
                    throw CommandRejected(description: "nothing was done: the name is not \(draw.id)")
                }
            }
            try draw.send(.makeVoid(draw.id, reason: reason), configuration)
        }
    }
}
