import ArgumentParser
import Domain
import Ledger
import Platform
import Shell
import Storage

struct VerifyCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify",
        abstract: "Check every byte of a ledger, and the result against it.",
        discussion: """
            Checks every checksum, that sequences have no gaps, and the totals of each agency; then draws again and \
            compares with result.json. Takes no lock, so it may run while the service does. If a check fails, prints \
            the differences and exits with 65. Of a draw that is open on a cluster, its stream is checked. \
            docs/operations.md says what this proves and what it does not.
            """)

    @OptionGroup var options: ConfigurationOptions

    func run() throws {
        try ProgramExit.run {
            let configuration = try options.load()
            let folder = configuration.folder
            let disk = PosixDisk()
            // Read before the ledger: a draw published meanwhile must not look like a result without a seal.
            let result = try DurableFile.read(folder.result, on: disk)
            let ledger = try OpenLedgerCopy(of: configuration, on: disk)
            let bar = ProgressBar(label: "verify", unit: "bytes")
            let contents = try LedgerContents(reading: ledger.path, on: disk, isDigested: true) { done, all in
                bar.update(done, of: all)
                return true
            }
            bar.finish()
            guard let contents else { return }
            try writeOutput(contents.summary(path: ledger.path))
            if ledger.isCopied { try writeOutput("source    the stream of the open draw, copied from the cluster") }
            try writeOutput(try DrawReport(configuration).status(of: folder, contents.standings).table)
            guard let result else {
                try writeOutput("result    none: the draw is not published")
                return
            }
            try verifyResult(result, contents: contents, folder: folder, disk: disk)
        }
    }

    private func verifyResult(
        _ bytes: [UInt8], contents: LedgerContents, folder: DrawFolder, disk: PosixDisk
    ) throws {
        let published: DrawResult
        do throws(DrawResultError) {
            published = try DrawResult(fileBytes: bytes)
        } catch {
            throw VerifyFailure(path: folder.result, differences: ["\(error)"])
        }
        guard let seal = contents.standings.seal else {
            throw VerifyFailure(
                path: folder.result,
                differences: [
                    "it is the result of a ledger of \(published.ledgerBytes) bytes and \(published.bets) bets; "
                        + "this ledger has no seal, so it is a different ledger or an older copy"
                ])
        }
        // Outside the data folder, in which verify changes nothing.
        let winners = SystemCall.temporaryPath("quiniela-verify-winners")
        defer { try? disk.remove(winners) }
        let draw = Draw(folder: folder, disk: disk, winnersPath: winners) { false }
        guard let number = try seal.number ?? WinningNumber(in: folder, on: disk)?.drawn else {
            throw VerifyFailure(path: folder.result, differences: ["\(folder.number) is missing"])
        }
        guard let recomputed = try draw.run(seal, number: number) else { return }
        let differences = published.differences(fromLedger: recomputed)
        guard differences.isEmpty else { throw VerifyFailure(path: folder.result, differences: differences) }
        do {
            _ = try WinnersFile(folder.winners, of: published, on: disk)
        } catch let error as DrawResultError {
            throw VerifyFailure(path: folder.result, differences: ["\(error)"])
        }
        let count = published.winningBets
        try writeOutput(
            "result    valid: \(count) winning \(count == 1 ? "bet" : "bets") on number "
                + "\(published.winningNumber.fourFigures), drawn again from the ledger with the same outcome")
    }
}
