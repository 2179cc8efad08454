import ArgumentParser
import Shared

struct VerifyCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify",
        abstract: "Check a ledger to the last byte, and the result against it.",
        discussion: """
            Checks every checksum, that sequences have no gaps, and the totals of each agency; then draws again and \
            compares with result.json. Takes no lock: it may run beside the service. Exits with 65 \
            and what differs if something does not hold. docs/operations.md says what this proves and what it does not.
            """)

    @OptionGroup var options: ConfigurationOptions

    func run() throws {
        try ProgramExit.run {
            let configuration = try options.load()
            let folder = configuration.folder
            let disk = PosixDisk()
            try NoLedger.check(folder, disk)
            // Before the ledger: a draw that ends while the ledger is read must not look like a result without a seal.
            let result = try DurableFile.read(folder.result, on: disk)
            let bar = ProgressBar(label: "verify", unit: "bytes")
            let contents = try LedgerContents(reading: folder.ledger, on: disk) { done, all in
                bar.update(done, of: all)
                return true
            }
            bar.finish()
            guard let contents else { return }
            try writeOutput(contents.summary(path: folder.ledger))
            try writeOutput(
                contents.standings.table(
                    agencies: contents.standings.seal?.agencies ?? configuration.agencies))
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
                    "it is the result of a ledger of \(published.ledgerBytes) bytes and \(published.bets) bets; the ledger "
                        + "here has no seal, so it is another one, or an older copy"
                ])
        }
        let draw = Draw(folder: folder, disk: disk) { false }
        guard let recomputed = try draw.run(seal) else { return }
        let differences = published.differences(fromLedger: recomputed)
        guard differences.isEmpty else { throw VerifyFailure(path: folder.result, differences: differences) }
        let winners = published.agencies.reduce(0) { $0 + $1.winners.count }
        let number = published.winningNumber.fourFigures
        try writeOutput(
            "result    holds: \(winners) winning \(winners == 1 ? "bet" : "bets") on number \(number), drawn again from "
                + "the ledger with the same outcome")
    }
}

/// The result is not the one that its ledger gives.
struct VerifyFailure: ProgramError, CustomStringConvertible {
    var path: String
    /// What was compared, and how it differs.
    var differences: [String]
    var exit: ProgramExit { .data }

    var description: String {
        "\(path) does not hold:\n"
            + differences.map { "  \($0)\n" }.joined()
            + "The ledger verifies. Keep both files as they are; docs/operations.md says what each difference means."
    }
}

extension DrawResult {
    /// What this published result says differently from one that was drawn again from the ledger.
    func differences(fromLedger ledger: DrawResult) -> [String] {
        var differences: [String] = []
        func compare<Value: Equatable>(_ name: String, _ own: Value, _ other: Value) {
            if own != other { differences.append("\(name): the result says \(own), the ledger gives \(other)") }
        }
        compare("draw", "\(draw)", "\(ledger.draw)")
        compare("winning number", winningNumber.fourFigures, ledger.winningNumber.fourFigures)
        compare("how the number was chosen", method, ledger.method)
        compare("bets", bets, ledger.bets)
        compare("bytes of the ledger", ledgerBytes, ledger.ledgerBytes)
        compare("SHA-256 of the ledger", ledgerSHA256, ledger.ledgerSHA256)
        compare("agencies", agencies.count, ledger.agencies.count)
        for (own, other) in zip(agencies, ledger.agencies) {
            compare("agency", own.agency, other.agency)
            compare("agency \(other.agency), bets", own.bets, other.bets)
            compare("agency \(other.agency), rejected bets", own.rejectedBets, other.rejectedBets)
            guard own.winners != other.winners else { continue }
            let first = zip(own.winners, other.winners).enumerated().first { $1.0 != $1.1 }
            let at = first?.offset ?? min(own.winners.count, other.winners.count)
            let seen = at < own.winners.count ? own.winners[at] : "nothing"
            let expected = at < other.winners.count ? other.winners[at] : "nothing"
            differences.append(
                "agency \(other.agency), winners: the result has \(own.winners.count), the ledger gives "
                    + "\(other.winners.count); the first difference is winner \(at + 1): \(seen) and \(expected)")
        }
        // Whatever this version compares nothing of by name.
        if differences.isEmpty, self != ledger { differences.append("the result is not what the ledger gives") }
        return differences
    }
}
