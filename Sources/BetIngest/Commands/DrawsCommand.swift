import ArgumentParser
import Control
import Domain
import Foundation
import Ledger
import Platform
import Shell
import Storage

struct DrawsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "draws",
        abstract: "List the draws, or archive one.",
        subcommands: [ListDrawsCommand.self, ArchiveCommand.self],
        defaultSubcommand: ListDrawsCommand.self)
}

struct ListDrawsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "List the draws: state, cut-off, agencies, bets (the default).",
        discussion: """
            Asks the running service for its draws, and reads the others from the data folder.

            EXIT CODES
              0 done · 75 a draw is sealed, and its number is awaited
            """)

    @OptionGroup var options: ConfigurationOptions

    @Option(help: "How many of the draws that are over are listed, the newest names.")
    var finals = 20

    @Option(help: "text or json.")
    var output: OutputFormat = .text

    func run() throws {
        try ProgramExit.run {
            let (source, draws) = try DrawReport(try options.load()).all(finals: max(0, finals))
            if output == .json {
                struct List: Encodable {
                    var source: DrawStatus.Source
                    var draws: [DrawSummary]
                }
                try writeOutput(String(decoding: JSONOutput.bytes(List(source: source, draws: draws)), as: UTF8.self))
            } else {
                try writeOutput(Self.table(draws))
                try writeOutput(
                    source == .service ? "from the running service" : "from the data folder; no service runs")
            }
            if draws.contains(where: { $0.state == .sealed }) { throw ProgramExit.tryLater.code }
        }
    }

    private static func table(_ draws: [DrawSummary]) -> String {
        var table = TextTable([
            "draw", "state", "opens", "closes", "finished", "expected", "bets", "late", "sealed by", "number",
            "winners",
        ])
        for draw in draws {
            table.append([
                draw.draw.name, draw.state.rawValue, draw.opens.map { "\($0)" } ?? "",
                draw.cutOff.map { "\($0)" } ?? "", "\(draw.finishedAgencies)", "\(draw.expectedAgencies)",
                "\(draw.bets)", "\(draw.lateBets)", draw.sealReason?.rawValue ?? "",
                draw.number?.fourFigures ?? "", draw.winningBets.map(String.init) ?? "",
            ])
        }
        return table.text
    }
}
