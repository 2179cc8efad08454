import ArgumentParser
import Platform
import Shell
import WireProtocol

struct WinnersCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "winners",
        abstract: "Ask for the agency's winners, without its file.",
        discussion: "Waits for the draw, up to retry.drawSeconds. Sends no bets and does not finish the agency.")

    @OptionGroup var options: ConfigurationOptions

    @Option(help: "The agency's number, from 1: short for --set agency.id=… (or CLI_ID).")
    var id: String?

    @Option(help: "How to print the outcome: text or json.")
    var output = OutputFormat.text

    func run() throws {
        StopSignals.block()
        try ProgramExit.run {
            let configuration = try options.load(flags: ["agency.id": id])
            let run = try AgencyRun(configuration: configuration)
            try run.log.bracketing { try ask(run) }
        }
    }

    private func ask(_ run: AgencyRun) throws {
        let configuration = run.configuration
        let undone = "the winners have not arrived; run the same command again"
        let report = try run.untilStopped(undone: { undone }) { link in
            let winners = try run.winners(link, .winners)
            // Once the draw is published, WELCOME has the agency's totals.
            var dialog = run.dialog(configuration.winners.addresses, link, .winners)
            let welcome = try dialog.run { $1 }
            let totals = BetSender.Totals(stored: Int(welcome.storedBets), rejected: Int(welcome.rejectedBets))
            return AgencyReport(
                agency: configuration.agency, totals: totals, invalidLines: nil, winners: winners)
        }
        try writeOutput(output == .json ? report.json : report.text)
        run.log(.winnersConsulted(count: report.winners.documents.count, agency: report.agency))
    }
}
