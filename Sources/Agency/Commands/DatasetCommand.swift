import ArgumentParser
import Domain
import Ledger
import Shell
import Storage

struct DatasetCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "dataset",
        abstract: "Generate agency files of any size from a seed.",
        discussion: """
            Writes agency-1.csv … and winners.csv (agency, documents of its bets on --number). The same arguments give the \
            same bytes. Names have accents, sizes are skewed (agency n has a share of 1/n), rows end \
            with CR LF, and one bet in 500 is on the winning number.
            """)

    @Option(help: "Total number of bets.")
    var bets = 3000

    @Option(help: "Number of agencies.")
    var agencies = 5

    @Option(help: "The seed.")
    var seed: UInt64 = 39

    @Option(help: "The winning number, 0 to 9999.")
    var number: UInt16 = 7574

    @Option(help: "The folder to write to.")
    var folder = "data"

    @Flag(help: "Replace files that exist.")
    var force = false

    /// Checks the ranges that ArgumentParser cannot.
    func validate() throws {
        guard bets >= 0, agencies >= 1, number <= Limits.maxNumber else {
            throw ValidationError("--bets from 0, --agencies from 1 and --number 0 to 9999 are expected")
        }
    }

    func run() throws {
        try ProgramExit.run {
            if try DurableFile.exists("\(folder)/\(DrawFolder.ledgerName)", on: PosixDisk()) {
                throw OutputError.belongsToDraw(path: folder, what: "the folder of a draw")
            }
            try PosixDisk().makeFolder(folder)
            var dataset = Dataset(seed: seed, winningNumber: number)
            let sizes = Dataset.sizes(bets: bets, agencies: agencies)
            let paths = sizes.indices.map { "\(folder)/agency-\($0 + 1).csv" }
            // All or none: files of the user's own may have these names.
            for path in paths where !force {
                if try DurableFile.exists(path, on: PosixDisk()) { throw OutputError.exists(path: path) }
            }
            let winners = try OutputFile("\(folder)/winners.csv", force: force)
            let bar = ProgressBar(label: "dataset", unit: "bets")
            var done = 0
            for (index, size) in sizes.enumerated() {
                let file = try OutputFile(paths[index], force: force)
                var rows: [UInt8] = []
                var documents: [String] = []
                for _ in 0..<size {
                    dataset.appendRow(to: &rows, winners: &documents)
                    if rows.count > 1 << 20 {
                        try file.write(rows)
                        rows.removeAll(keepingCapacity: true)
                        bar.update(done, of: bets)
                    }
                    done += 1
                }
                try file.write(rows)
                try file.finish()
                try winners.write(
                    Array("\(index + 1),\(documents.joined(separator: " "))\r\n".utf8))
            }
            try winners.finish()
            bar.finish()
            try writeOutput("\(done) bets of \(agencies) agencies in \(folder) (seed \(seed))")
        }
    }
}
