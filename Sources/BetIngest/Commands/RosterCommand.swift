import ArgumentParser
import Domain
import Identity
import Ledger
import Platform
import Shell

struct RosterCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "roster", abstract: "Check the roster of agencies, and make tokens for it.",
        discussion: """
            roster.yaml says which agencies exist and who may act for them (docs/security.md). A running service reads \
            it again within a second of a change, and keeps the one before it while the new one is faulty.

            EXAMPLES
              bet-ingest roster check roster.yaml       every agency, and what proves it
              bet-ingest roster token 17 --output t     a new token for agency 17
            """,
        subcommands: [RosterCheckCommand.self, RosterTokenCommand.self])
}

struct RosterCheckCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check", abstract: "List the agencies of a roster, or report every fault with its line.")

    @Argument(help: "The roster.")
    var file = "roster.yaml"

    @Option(help: "text or json.")
    var output: OutputFormat = .text

    func run() throws {
        try ProgramExit.run {
            let roster = try AgencyGate.read(file).roster
            let today = Birthdate(unixMilliseconds: SystemCall.unixMilliseconds())
            let rows = roster.entries.values.sorted { $0.agency < $1.agency }.map { RosterRow($0, on: today) }
            if output == .json { return try writeOutput(String(decoding: try JSONOutput.bytes(rows), as: UTF8.self)) }
            var table = TextTable(["agency", "name", "proofs", "state"])
            for row in rows { table.append(["\(row.agency)", row.name.debugDescription, row.proofs, row.state]) }
            try writeOutput(table.text)
        }
    }
}

/// An agency of the roster, for people and for JSON.
private struct RosterRow: Encodable {
    var agency: AgencyID
    var name: String
    var proofs: String
    var state: String

    init(_ entry: Roster.Entry, on today: Birthdate) {
        agency = entry.agency
        name = entry.name
        let counts = [(entry.keys.count, "key"), (entry.tokens.count, "token")].filter { $0.0 > 0 }
        let dialects = entry.addresses.isEmpty ? [] : entry.dialects.sorted()
        let all = counts.map { "\($0.0) \($0.1)\($0.0 == 1 ? "" : "s")" } + dialects
        proofs = all.isEmpty ? "none" : all.joined(separator: ", ")
        state = entry.fault(on: today) ?? (all.isEmpty ? "nothing proves it" : "may enter")
    }
}

struct RosterTokenCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "token", abstract: "Make a token for an agency.",
        discussion: """
            Writes the token to a file with mode 0600, for agency.tokenFile of the agency, and prints the digest for its \
            line in roster.yaml. The token itself is printed nowhere and kept nowhere else.
            """)

    @Argument(help: "The agency.")
    var agency: UInt32

    @Option(help: ArgumentHelp("The file for the token; it must not exist.", valueName: "file"))
    var output: String

    func run() throws {
        try ProgramExit.run {
            let text = RandomToken.make()
            let file = try OutputFile(output, force: false)
            try file.write(Array((text + "\n").utf8))
            try file.finish()
            try writeOutput("{ id: \(agency), tokens: [\"\(SecretDigest(of: text.utf8))\"] }")
        }
    }
}
