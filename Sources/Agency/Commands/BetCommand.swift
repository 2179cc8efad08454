import ArgumentParser
import Domain
import Foundation
import Platform
import Shell

struct BetCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bet",
        abstract: "Send one bet from the environment.",
        discussion: """
            Reads NOMBRE, APELLIDO, DOCUMENTO, NACIMIENTO (yyyy-mm-dd) and NUMERO, and the agency from --id or CLI_ID. The \
            stream of the agency stays open for more bets unless --last is given. If the agency's last stored bet is the \
            same one, an earlier run has sent it: nothing is sent, unless --again is given.
            """)

    @OptionGroup var options: ConfigurationOptions

    @Option(help: "The agency's number, from 1: short for --set agency.id=… (or CLI_ID).")
    var id: String?

    @Flag(help: "This is the agency's last bet: finish the agency.")
    var last = false

    @Flag(help: "Store the bet even if the agency's last stored bet is the same.")
    var again = false

    func run() throws {
        StopSignals.block()
        try ProgramExit.run {
            let configuration = try options.load(flags: ["agency.id": id])
            let run = try AgencyRun(configuration: configuration)
            try run.log.bracketing { try send(run) }
        }
    }

    private func send(_ run: AgencyRun) throws {
        let bet = try Self.bet(from: ProcessInfo.processInfo.environment, today: try AgencyRun.today())
        let rerun = again ? AgencyError.Rerun.betAgain : .bet
        var sender = SingleBetSender(bet: bet, isLast: last, isAgain: again, log: run.log)
        let outcome = try run.untilStopped(undone: { Self.undone(sender, rerun) }) { link in
            var dialog = run.dialog(run.configuration.ingest.addresses, link, rerun)
            return try sender.run(&dialog)
        }
        run.log(.betSent(document: bet.document, number: bet.number))
        try writeOutput(Self.text(outcome, bet, agency: run.configuration.agency, isLast: last))
    }

    private static func undone(_ sender: SingleBetSender, _ rerun: AgencyError.Rerun) -> String {
        sender.sent == nil
            ? "the bet was not sent; run the same command again"
            : "the bet was sent and not answered; \(rerun.rawValue)"
    }

    static func text(_ outcome: SingleBetSender.Outcome, _ bet: Bet, agency: AgencyID, isLast: Bool) -> String {
        var text = "agency \(agency): the bet of \(bet.document) on number \(Figures.four(bet.number)) is stored"
        if outcome == .storedAlready {
            text += " already, as the agency's last one, and was not sent again; --again stores an identical one"
        }
        return isLast ? text + "; the agency has finished" : text
    }

    /// Checks the five variables and reports every fault.
    static func bet(from environment: [String: String], today: Birthdate) throws(ConfigurationError) -> Bet {
        var faults: [String] = []
        func bytes(_ name: String) -> [UInt8] {
            if environment[name] == nil { faults.append("\(name): the variable is not set") }
            return Array((environment[name] ?? "").utf8)
        }
        // Reads one variable; collects its fault, so that the other variables are checked too.
        func check<Value>(_ name: String, _ read: (Span<UInt8>) throws(BetFault) -> Value) -> Value? {
            let bytes = bytes(name)
            do throws(BetFault) {
                return try read(bytes.span)
            } catch {
                if environment[name] != nil { faults.append("\(name): \(error)") }
                return nil
            }
        }
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
