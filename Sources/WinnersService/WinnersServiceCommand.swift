import ArgumentParser
import Platform
import Shell

@main
struct WinnersServiceCommand: ParsableCommand {
    static func main() { Program.main(Self.self) }

    static let configuration = CommandConfiguration(
        commandName: "winners-service",
        abstract: "Sends each agency its own winners once the draw is published.",
        discussion: """
            Reads result.json from the data folder and answers on winners.listen. Before the draw an agency waits as \
            long as it asked to, or gets the number of finished agencies. The service may be started before, during \
            or after bet-ingest.

            EXAMPLES
              winners-service                             serve with ./config.yaml
              winners-service --listen 0.0.0.0:9000 --data /srv/quiniela
              winners-service status                      the draws that it answers for

            EXIT CODES
              0 done · 64 usage · 70 program failed · 78 configuration
            """,
        version: ProgramVersion.text,
        subcommands: [ServeWinnersCommand.self, WinnersStatusCommand.self],
        defaultSubcommand: ServeWinnersCommand.self)
}
