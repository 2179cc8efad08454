import AgencyLanguages
import ArgumentParser
import Domain
import Glibc
import Platform
import Shell

struct DoctorCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "doctor",
        abstract: "Play agencies against any server and list what it gets wrong.",
        discussion: """
            For developers of a server for one of the dialects. The doctor plays all agencies of a draw, from the first \
            chunk to the winners, and tries what servers get wrong: partial messages, several at once, invalid bets, \
            nonsense, an agency that stalls. It needs a fresh server of its own that draws when AGENCIES agencies have \
            finished; never use one that is in use. It asks before it connects; without a terminal it needs --yes.

            EXAMPLES
              agency doctor --dialect pipe --address 127.0.0.1:12355 --yes
              agency doctor --dialect native --address 127.0.0.1:12345 --winners-address 127.0.0.1:12346

            EXIT CODES
              0 all cases hold · 64 usage, or no consent · 65 some cases fail · 75 no connection
            """)

    private static let names = LanguageRegistry.all.map(\.name) + ["echo"]

    @Option(help: ArgumentHelp("The dialect: \(names.joined(separator: ", ")).", valueName: "name"))
    var dialect: String

    @Option(help: ArgumentHelp("The server.", valueName: "host:port"))
    var address: String

    @Option(
        help: ArgumentHelp(
            "The server's port for winners, in dialects that have one (native, json).", valueName: "host:port"))
    var winnersAddress: String?

    @Option(help: "The number of agencies that the server waits for, 2 to 100.")
    var agencies = 5

    @Option(help: "The server's winning number, 0 to 9999.")
    var winningNumber: UInt16 = 7574

    @Flag(help: "Go ahead without asking.")
    var yes = false

    @Option(help: "How long to wait for an answer, 1 to 600.")
    var seconds = 5

    /// Checks what ArgumentParser cannot.
    func validate() throws {
        let misuses: [(Bool, String)] = [
            (
                !Self.names.contains(dialect),
                "--dialect \(dialect): one of \(Self.names.joined(separator: ", ")) is expected"
            ),
            (Endpoint(address) == nil, "--address \(address): host:port is expected"),
            (winnersAddress.map { Endpoint($0) == nil } ?? false, "--winners-address: host:port is expected"),
            (!(2...100).contains(agencies), "--agencies \(agencies): 2 to 100 are expected"),
            (winningNumber > Limits.maxNumber, "--winning-number \(winningNumber): 0 to 9999 is expected"),
            (!(1...600).contains(seconds), "--seconds \(seconds): 1 to 600 is expected"),
            (
                winnersAddress == nil && language?.hasWinnersPort == true,
                "--winners-address is missing: \(dialect) has a port of its own for winners"
            ),
        ]
        if let (_, text) = misuses.first(where: \.0) { throw ValidationError(text) }
    }

    /// The agency's side of the dialect; nil for `echo`, which carries no bets.
    private var language: (any AgencyLanguage)? { LanguageRegistry.language(dialect) }

    func run() throws {
        try ProgramExit.run {
            guard let server = Endpoint(address) else { return }
            var findings: [Doctor.Finding]
            if let language {
                try askForConsent(server)
                writeError(
                    """
                    The doctor plays agencies 1 to \(agencies) against \(server): it sends \
                    at most \(Doctor.betCount(agencies: agencies)) bets, and the server draws. \
                    Never use it on a server that is in use.
                    """)
                var doctor = Doctor(
                    Doctor.Settings(
                        language: language, address: server,
                        winnersAddress: winnersAddress.flatMap { Endpoint($0) } ?? server, agencies: agencies,
                        winningNumber: winningNumber, patience: .seconds(seconds)))
                try doctor.run()
                findings = doctor.findings
            } else {
                writeError("The doctor sends one line to \(server), no bets.")
                findings = [try EchoDoctor(address: server, patience: .seconds(seconds)).run()]
            }
            var table = TextTable(["", "case", "seen"])
            for finding in findings {
                table.append([finding.mark, finding.name, finding.seen])
            }
            try writeOutput(table.text)
            let broken = findings.filter { $0.holds == false }.count
            let asked = findings.filter { $0.holds != nil }.count
            try writeOutput("\(asked - broken) of \(asked) cases hold")
            if broken > 0 { throw ProgramExit.data.code }
        }
    }
}

extension DoctorCommand {
    /// Asks the user whether the doctor may disturb the server.
    ///
    /// Nothing is sent before: a native HELLO would take an agency over from a connection that is streaming.
    ///
    /// - Throws: ``NoConsent`` after any answer except yes, and without a terminal.
    private func askForConsent(_ server: Endpoint) throws(NoConsent) {
        guard !yes else { return }
        guard isatty(STDIN_FILENO) == 1 else { throw NoConsent(server: server) }
        writeError("Is \(server) a fresh server that nobody else uses? The doctor's bets go into its draw. [y/N]")
        guard ["y", "yes"].contains(readLine()?.lowercased()) else { throw NoConsent(server: server) }
    }
}

/// A missing consent to disturb the server.
struct NoConsent: ProgramError, CustomStringConvertible {
    var server: Endpoint
    var exit: ProgramExit { .usage }

    var description: String {
        "\(server) may be in use: the doctor would add its own bets and make it draw. Use a fresh server, or give --yes"
    }
}

extension Doctor.Finding {
    fileprivate var mark: String {
        switch holds {
        case true?: "holds"
        case false?: "FAILS"
        case nil: "–"
        }
    }
}
