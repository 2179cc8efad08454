import ArgumentParser
import Platform
import Shell

@main
struct AgencyCommand: ParsableCommand {
    static func main() { Program.main(Self.self) }

    static let configuration = CommandConfiguration(
        commandName: "agency",
        abstract: "Sends an agency's bets and asks for its winners.",
        discussion: """
            Checks a CSV, streams it to the ingest service in chunks, waits until every chunk is durable, then asks the \
            winners service for this agency's winners. It may be stopped, killed and restarted at any moment: it \
            resumes from the position that the service reports, after checking that the recorded bets are the \
            first ones of its file.

            EXAMPLES
              agency --id 1 --file data/agency-1.csv
              agency --id 1 --output json
              agency winners --id 1
              NOMBRE=Ana APELLIDO=Paz DOCUMENTO=30904465 NACIMIENTO=1999-03-17 NUMERO=7574 agency bet --id 1
              agency dataset --bets 100000 --seed 7 --folder /tmp/bets
              agency doctor --help                       test any server for one of the protocols

            EXIT CODES
              0 done · 64 usage · 65 invalid lines, rejected bets, or a different file · 70 program or \
            machine failed · 75 stopped, or no answer in time: run it again · 78 configuration
            """,
        version: ProgramVersion.text,
        subcommands: [
            SendCommand.self, BetCommand.self, WinnersCommand.self, DatasetCommand.self, DoctorCommand.self,
            DumpCommand.self,
        ],
        defaultSubcommand: SendCommand.self
    )
}
