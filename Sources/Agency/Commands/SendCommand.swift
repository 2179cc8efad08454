import ArgumentParser
import Platform
import Shell

struct SendCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "send",
        abstract: "Send a file's bets and print the agency's winners (the default).",
        discussion: """
            The whole file is read and checked before anything is sent. If it has invalid lines, nothing is sent and they \
            are listed in FILE.invalid.csv. The last chunk is sent only if the file is unchanged since the check.
            """)

    @OptionGroup var options: ConfigurationOptions

    @Option(help: "The agency's number, from 1: short for --set agency.id=… (or CLI_ID).")
    var id: String?

    @Option(help: ArgumentHelp("The CSV of bets: short for --set agency.file=…", valueName: "csv"))
    var file: String?

    @Flag(help: "Send the valid lines even if others are invalid; the exit code is still 65.")
    var skipInvalid = false

    @Option(help: "How to print the outcome: text or json.")
    var output = OutputFormat.text

    func run() throws {
        StopSignals.block()
        try ProgramExit.run {
            let configuration = try options.load(flags: ["agency.id": id, "agency.file": file])
            let run = try AgencyRun(configuration: configuration)
            try run.log.bracketing { try send(run) }
        }
    }

    private func send(_ run: AgencyRun) throws {
        run.log(.config(run.configuration.values))
        let sending = FileSending(run: run, skipsInvalid: skipInvalid)
        let report = try run.untilStopped(undone: { sending.undone }) { link in try sending.run(link) }
        try writeOutput(output == .json ? report.json : report.text)
        run.log(.winnersConsulted(count: report.winners.documents.count, agency: report.agency))
        guard report.isIncomplete else { return }
        sending.logLists(report.totals)
        throw ProgramExit.data.code
    }
}
