import ArgumentParser
import Shared

struct VerifyCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify",
        abstract: "Check a ledger to the last byte, and the result against it.",
        discussion: """
            Checks every checksum, that sequences have no gaps, and the totals of each agency; then draws again and \
            compares with result.json. Takes no lock: it may run beside the service. Exits with 65 \
            and the byte of the first fault where something does not hold.
            """)

    @OptionGroup var options: ConfigurationOptions

    func run() throws {
        try ProgramExit.run {
            let configuration = try options.load()
            let folder = configuration.folder
            let disk = PosixDisk()
            try NoLedger.check(folder, disk)
            let bar = ProgressBar(label: "verify", unit: "bytes")
            let contents = try LedgerContents(reading: folder.ledger, on: disk) { done, all in
                bar.update(done, of: all)
                return true
            }
            bar.finish()
            guard let contents else { return }
            writeOutput(contents.summary(path: folder.ledger))
            writeOutput(
                contents.standings.table(
                    agencies: contents.standings.seal?.agencies ?? configuration.agencies))
            guard let bytes = try DurableFile.read(folder.result, on: disk) else {
                writeOutput("result    none: the draw is not published")
                return
            }
            try verifyResult(bytes, contents: contents, folder: folder, disk: disk)
        }
    }

    private func verifyResult(
        _ bytes: [UInt8], contents: LedgerContents, folder: DrawFolder, disk: PosixDisk
    ) throws {
        let published: DrawResult
        do throws(DrawResultError) {
            published = try DrawResult(fileBytes: bytes)
        } catch {
            throw PublishedDrawError(path: folder.result, reason: "\(error)")
        }
        guard let seal = contents.standings.seal else {
            throw PublishedDrawError(path: folder.result, reason: "its ledger is not sealed")
        }
        // Written elsewhere: verify changes nothing in the data folder.
        let winners = SystemCall.temporaryPath("quiniela-verify-winners")
        defer { try? disk.remove(winners) }
        let draw = Draw(folder: folder, disk: disk, winnersPath: winners) { false }
        guard let recomputed = try draw.run(seal), published.isOutcome(recomputed) else {
            throw PublishedDrawError(
                path: folder.result, reason: "it is not what the ledger beside it gives")
        }
        _ = try WinnersFile(folder.winners, of: published, on: disk)
        writeOutput(
            "result    holds: number \(published.winningNumber), \(published.winningBets) winning bets, drawn "
                + "again from the ledger with the same outcome")
    }
}
