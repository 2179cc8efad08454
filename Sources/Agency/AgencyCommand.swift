import ArgumentParser
import Shared

@main
struct AgencyCommand: ParsableCommand {
    static func main() { Program.main(Self.self) }

    static let configuration = CommandConfiguration(
        commandName: "agency",
        abstract: "Sends an agency's bets and asks for its winners.",
        discussion: """
            Streams a CSV to the ingest service in chunks, waits until every chunk is durable, then asks the winners \
            service for this agency's winners. It may be stopped, killed and started again at any \
            moment: it goes on where the service says the stream stands, never twice, never with a gap.

            EXAMPLES
              agency --id 1 --file data/agency-1.csv
              agency --id 1 --output json
              NOMBRE=Ana APELLIDO=Paz DOCUMENTO=30904465 NACIMIENTO=1999-03-17 NUMERO=7574 agency bet --id 1
              agency dataset --bets 100000 --seed 7 --folder /tmp/bets

            EXIT CODES
              0 done · 64 usage · 65 rows were rejected · 70 program failed · 75 no answer in time, \
            try again · 78 configuration
            """,
        version: ProgramVersion.text,
        subcommands: [SendCommand.self, BetCommand.self, DatasetCommand.self],
        defaultSubcommand: SendCommand.self
    )
}
