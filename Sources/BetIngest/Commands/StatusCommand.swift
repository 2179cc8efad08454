import ArgumentParser
import Control
import Foundation
import Ledger
import Shell

struct StatusCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status",
        abstract: "Show the progress of each agency of a draw.",
        discussion: """
            Asks the running service, or reads the data folder if none runs; the first line says which. Without \
            --draw the draw is that of the configuration, or with a calendar the one that closes next.

            EXIT CODES
              0 open, published or void · 75 sealed, and its number is awaited · others as usual
            """)

    @OptionGroup var options: ConfigurationOptions

    @Option(help: "text, or json for programs: every agency, without a limit.")
    var output: OutputFormat = .text

    func run() throws {
        try ProgramExit.run {
            let configuration = try options.load()
            let status = try DrawReport(configuration).status()
            if output == .json {
                try writeOutput(String(decoding: JSONOutput.bytes(status), as: UTF8.self))
            } else {
                try writeOutput(status.text(folder: configuration.folder))
            }
            if status.summary.state == .sealed { throw ProgramExit.tryLater.code }
        }
    }
}
