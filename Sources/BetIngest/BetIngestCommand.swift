import ArgumentParser
import Platform
import Shell

@main
struct BetIngestCommand: ParsableCommand {
    static func main() { Program.main(Self.self) }

    static let configuration = CommandConfiguration(
        commandName: "bet-ingest",
        abstract: "Receive the bets of agencies, store them, and draw the winners.",
        discussion: """
            Without a subcommand it serves: agencies connect to ingest.listen and stream their bets in chunks. \
            A chunk is acknowledged once it would survive a power cut. When every agency has sent its \
            last chunk, the ledger is sealed and the result published in the data folder, where \
            winners-service finds it.

            EXAMPLES
              bet-ingest                                  serve with ./config.yaml
              bet-ingest serve --set agencies=2 --data /tmp/draw
              bet-ingest status                           the progress of each agency
              bet-ingest draws                            every draw, with its cut-off and what is missing
              bet-ingest verify                           check the ledger and the result
              bet-ingest export --output bets.csv         all bets as CSV

            EXIT CODES
              0 done · 64 usage · 65 damaged data · 70 disk or program failed · 75 try again later \
            · 78 configuration
            """,
        version: ProgramVersion.text,
        subcommands: [
            ServeCommand.self, VerifyCommand.self, ExportCommand.self, StatusCommand.self, DrawsCommand.self,
            DrawCommand.self, EventsCommand.self, CalendarCommand.self, RosterCommand.self, PkiCommand.self,
            DoctorCommand.self,
        ],
        defaultSubcommand: ServeCommand.self
    )
}
