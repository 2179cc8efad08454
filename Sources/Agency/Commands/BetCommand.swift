import ArgumentParser
import Foundation
import Shared

struct BetCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bet",
        abstract: "Send one bet from the environment.",
        discussion: """
            Reads NOMBRE, APELLIDO, DOCUMENTO, NACIMIENTO (yyyy-mm-dd) and NUMERO, and the agency from --id or CLI_ID. The \
            stream of the agency stays open for more bets unless --last is given.
            """)

    @OptionGroup var options: ConfigurationOptions

    @Option(help: "The agency's number, from 1: short for --set agency.id=… (or CLI_ID).")
    var id: String?

    @Flag(help: "This is the agency's last bet: it has finished.")
    var last = false

    func run() throws {
        StopSignals.block()
        try ProgramExit.run {
            let configuration = try options.load(flags: ["agency.id": id])
            let bet = try Self.bet(from: ProcessInfo.processInfo.environment)
            let run = AgencyRun(configuration: configuration)
            try run.log.bracketing { try send(bet, run) }
        }
    }

    private func send(_ bet: Bet, _ run: AgencyRun) throws {
        _ = try run.untilStopped { group in
            var dialog = run.dialog(run.configuration.ingest.address, group)
            var sent: Chunk?
            try dialog.run(unacknowledged: { sent?.sequence }) { dialog, connection, welcome in
                // A lost answer leaves the chunk in `sent`: the same sequence again is the same chunk.
                let chunk = sent ?? chunk(bet, sequence: welcome.nextSequence)
                sent = chunk
                connection.send(.chunk(chunk))
                switch try dialog.waitForNextMessage() {
                case .chunkProcessed:
                    run.log(.betSent(document: bet.document, number: bet.number))
                case .chunkRejected(let rejected):
                    run.log(
                        .betsRefused(
                            count: 1, sequence: chunk.sequence, reason: rejected.message))
                    throw BetRefused(reason: rejected.message)
                default:
                    throw ConnectionFailure(reason: "the service answered a chunk with something else")
                }
            }
        }
    }

    private func chunk(_ bet: Bet, sequence: UInt32) -> Chunk {
        var builder = BetColumnsBuilder()
        builder.append(bet)
        return builder.takeChunk(sequence: sequence, isLast: last)
    }

    /// Reads and checks the five variables.
    static func bet(from environment: [String: String]) throws(ConfigurationError) -> Bet {
        var faults: [String] = []
        func bytes(_ name: String) -> [UInt8] {
            if environment[name] == nil { faults.append("\(name): the variable is not set") }
            return Array((environment[name] ?? "").utf8)
        }
        // Reads one variable; a fault is noted and the next one is read.
        func check<Value>(_ name: String, _ read: (Span<UInt8>) throws(BetFault) -> Value) -> Value? {
            let bytes = bytes(name)
            do throws(BetFault) {
                return try read(bytes.span)
            } catch {
                if environment[name] != nil { faults.append("\(name): \(error)") }
                return nil
            }
        }
        let today = Birthdate(unixMilliseconds: SystemCall.unixMilliseconds())
        _ = check("NOMBRE") { bytes throws(BetFault) in try BetRules.check(name: bytes, .first) }
        _ = check("APELLIDO") { bytes throws(BetFault) in try BetRules.check(name: bytes, .last) }
        _ = check("DOCUMENTO") { bytes throws(BetFault) in try BetRules.check(document: bytes) }
        let birthdate = check("NACIMIENTO") { bytes throws(BetFault) in
            let birthdate = try BetRules.birthdate(bytes)
            try BetRules.check(birthdate: birthdate, today: today)
            return birthdate
        }
        let number = check("NUMERO") { bytes throws(BetFault) in try BetRules.number(bytes) }
        guard faults.isEmpty, let birthdate, let number else { throw ConfigurationError(faults) }
        return Bet(
            firstName: environment["NOMBRE"] ?? "", lastName: environment["APELLIDO"] ?? "",
            document: environment["DOCUMENTO"] ?? "", birthdate: birthdate, number: number)
    }
}

/// The service did not take the bet.
struct BetRefused: ProgramError, CustomStringConvertible {
    var reason: String
    var exit: ProgramExit { .data }
    var description: String { "the service refused the bet: \(reason)" }
}
