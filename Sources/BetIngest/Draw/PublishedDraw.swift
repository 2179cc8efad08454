import Domain
import Ledger
import Shell
import Storage

/// A published result, and the winners file that belongs to it.
struct PublishedDraw: Sendable {
    let result: DrawResult
    let winners: WinnersFile

    init(result: DrawResult, winners: WinnersFile) {
        self.result = result
        self.winners = winners
    }

    /// The published result of a ledger; nil if the draw is still to be made.
    ///
    /// - Throws: ``PublishedDrawError`` for a result that is damaged, or of another ledger: publishing a second one in its
    ///   place is a person's decision.
    init?(_ folder: DrawFolder, contents: LedgerContents, on disk: any Disk) throws {
        guard let bytes = try DurableFile.read(folder.result, on: disk) else { return nil }
        do throws(DrawResultError) {
            result = try DrawResult(fileBytes: bytes)
        } catch {
            throw PublishedDrawError(path: folder.result, reason: "\(error)")
        }
        if let difference = result.difference(from: contents, of: folder.draw) {
            throw PublishedDrawError(
                path: folder.result, reason: "it is not the result of the ledger beside it: \(difference)")
        }
        do {
            winners = try WinnersFile(folder.winners, of: result, on: disk)
        } catch let error as DrawResultError {
            throw PublishedDrawError(path: folder.result, reason: "\(error)")
        }
    }
}

extension DrawResult {
    /// What the result says that the ledger does not; nil if they belong together.
    func difference(from contents: LedgerContents, of draw: DrawID) -> String? {
        guard let seal = contents.standings.seal else { return "that ledger is not sealed" }
        let ledgerID = Self.text(ledgerID: contents.header.ledgerID)
        if self.draw != draw { return "it is of draw \(self.draw), the ledger of \(draw)" }
        if let id = self.ledgerID, id != ledgerID { return "it is of ledger \(id), this is \(ledgerID)" }
        if ledgerBytes != contents.end.offset {
            return "it says \(ledgerBytes) bytes, the ledger has \(contents.end.offset)"
        }
        if bets != seal.bets { return "it says \(bets) bets, the seal \(seal.bets)" }
        if winningNumber != seal.winningNumber {
            return "it says number \(winningNumber), the seal \(seal.winningNumber)"
        }
        if agencyCount != seal.agencies { return "it says \(agencyCount) agencies, the seal \(seal.agencies)" }
        return nil
    }
}

/// A result that is there and is not the one of its ledger.
struct PublishedDrawError: ProgramError, CustomStringConvertible {
    var path: String
    var reason: String
    var exit: ProgramExit { .data }

    var description: String {
        "\(path): \(reason); keep both files as they are for the auditor, and look with `bet-ingest verify`; if the ledger "
            + "verifies, the draw can be published again from it once the result is kept elsewhere"
    }
}
