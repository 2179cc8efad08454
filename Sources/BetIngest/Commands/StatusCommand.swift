import ArgumentParser
import Ledger
import Shell
import Storage

struct StatusCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status",
        abstract: "Show the progress of each agency.",
        discussion: "Reads the data folder. Takes no lock, so it may run while the service does.")

    @OptionGroup var options: ConfigurationOptions

    func run() throws {
        try ProgramExit.run {
            let configuration = try options.load()
            let folder = configuration.folder
            let disk = PosixDisk()
            guard try DurableFile.exists(folder.ledger, on: disk) else {
                try writeOutput("draw \(folder.draw): nothing yet (no \(folder.ledger))")
                return
            }
            let contents = try LedgerContents(reading: folder.ledger, on: disk)
            let isPublished = try DurableFile.exists(folder.result, on: disk)
            let state =
                isPublished ? "published" : contents.standings.seal == nil ? "open" : "sealed"
            let agencies = contents.standings.agencies(configured: configuration.agencies)
            let finished = contents.standings.finishedAgencies.count
            try writeOutput(
                "draw \(folder.draw): \(state), \(finished) of \(agencies) agencies "
                    + "finished, \(contents.standings.storedBets) bets")
            try writeOutput(contents.standings.table(agencies: agencies))
        }
    }
}
