import Shared

/// The result that a restart finds.
struct PublishedDraw {
    let folder: DrawFolder
    let disk: any Disk

    /// The published result of the ledger; nil where the draw is still to be made.
    ///
    /// - Throws: ``PublishedDrawError`` for a result that is damaged, or of another ledger: publishing a second one in its
    ///   place is a person's decision.
    func load(contents: LedgerContents) throws -> DrawResult? {
        guard let bytes = try DurableFile.read(folder.result, on: disk) else { return nil }
        let result: DrawResult
        do throws(DrawResultError) {
            result = try DrawResult(fileBytes: bytes)
        } catch {
            throw PublishedDrawError(path: folder.result, reason: "\(error)")
        }
        guard let seal = contents.standings.seal, contents.end.offset == result.ledgerBytes,
            result.bets == seal.bets, result.winningNumber == seal.winningNumber
        else {
            throw PublishedDrawError(
                path: folder.result, reason: "it is not the result of the ledger beside it")
        }
        return result
    }
}

/// A result that is there and is not the one of its ledger.
struct PublishedDrawError: ProgramError, CustomStringConvertible {
    var path: String
    var reason: String
    var exit: ProgramExit { .data }

    var description: String {
        "\(path): \(reason); compare it with `bet-ingest verify`, then move it away to let the "
            + "draw be published again from the sealed ledger"
    }
}
