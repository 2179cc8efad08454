import ArgumentParser
import Control
import Foundation
import Ledger
import Shell
import Storage

struct WinnersStatusCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status",
        abstract: "Show the draws that the service answers for.",
        discussion: "Asks the running service, or reads the data folder if none runs; the first line says which.")

    @OptionGroup var options: ConfigurationOptions

    @Option(help: "text or json.")
    var output = StatusForm.text

    enum StatusForm: String, ExpressibleByArgument {
        case text, json
    }

    func run() throws {
        try ProgramExit.run {
            let status = try status(try options.load())
            guard output == .json else { return try writeOutput(status.text) }
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
            try writeOutput(String(decoding: try encoder.encode(status), as: UTF8.self))
        }
    }

    private func status(_ configuration: ServiceConfiguration) throws -> WinnersStatus {
        let path = configuration.folder.data.winnersSocket
        do {
            switch try ControlClient.ask(.status(nil), at: path, seconds: 10) {
            case .ok(let bytes):
                return try JSONDecoder().decode(WinnersStatus.self, from: Data(bytes))
            case .failed(let reason):
                throw ControlFailure(path: path, reason: reason)
            }
        } catch let error as ControlFailure where error.isAbsent {
            var draws = PublishedDraws(configuration, on: PosixDisk())
            _ = draws.changes()
            return WinnersStatus(draws, isRunning: false)
        }
    }
}
