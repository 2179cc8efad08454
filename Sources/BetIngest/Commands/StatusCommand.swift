import ArgumentParser
import Domain
import Ledger
import Shell
import Storage

struct StatusCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status",
        abstract: "Show the progress of each agency.",
        discussion: "Reads the data folder. Takes no lock, so it may run while the service does.")

    @OptionGroup var options: ConfigurationOptions

    @Option(help: "text, or json for programs: every agency, without a limit.")
    var output: StatusFormat = .text

    enum StatusFormat: String, ExpressibleByArgument {
        case text, json
    }

    func run() throws {
        try ProgramExit.run {
            let configuration = try options.load()
            let folder = configuration.folder
            let disk = PosixDisk()
            guard try DurableFile.exists(folder.ledger, on: disk) else {
                let nothing = DrawStatus(folder.draw, .none, DrawStandings(), agencies: configuration.agencies)
                try writeOutput(
                    output == .json
                        ? nothing.json()
                        : "draw \(folder.draw): nothing yet (no \(folder.ledger)), or --data and --draw name another folder"
                )
                return
            }
            let contents = try LedgerContents(reading: folder.ledger, on: disk)
            let isPublished = try DurableFile.exists(folder.result, on: disk)
            let agencies = contents.standings.agencies(configured: configuration.agencies)
            let state: DrawStatus.State =
                isPublished ? .published : contents.standings.seal == nil ? .open : .sealed
            let status = DrawStatus(folder.draw, state, contents.standings, agencies: agencies)
            if output == .json { return try writeOutput(status.json()) }
            try writeOutput(
                "draw \(folder.draw): \(state.rawValue), \(status.finishedAgencies) of \(agencies) agencies "
                    + "finished, \(status.bets) bets")
            try writeOutput(contents.standings.table(agencies: agencies))
        }
    }
}
