import Domain
import Ledger
import Shell
import Storage

/// A published result and its winners file.
struct PublishedDraw: Sendable {
    let result: DrawResult
    let winners: WinnersFile

    init(result: DrawResult, winners: WinnersFile) {
        self.result = result
        self.winners = winners
    }

    /// Reads a ledger's result; nil if the draw is not published.
    ///
    /// - Throws: ``PublishedDrawError`` if the result is damaged or belongs to another ledger: a person must decide
    ///   whether to publish another one.
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
    /// Returns a contradiction; nil if the result and the ledger belong together.
    func difference(from contents: LedgerContents, of draw: DrawID) -> String? {
        guard let seal = contents.standings.seal else { return "the ledger is not sealed" }
        let ledgerID = Self.text(ledgerID: contents.header.ledgerID)
        if self.draw != draw { return "it is of draw \(self.draw), but the ledger of draw \(draw)" }
        if let id = self.ledgerID, id != ledgerID { return "it is of ledger \(id), but this is ledger \(ledgerID)" }
        if ledgerBytes != contents.end.offset {
            return "it says \(ledgerBytes) bytes, but the ledger has \(contents.end.offset)"
        }
        if bets != seal.bets { return "it says \(bets) bets, but the seal \(seal.bets)" }
        if winningNumber != seal.winningNumber {
            return "it says number \(winningNumber), but the seal \(seal.winningNumber)"
        }
        if agencyCount != seal.agencies { return "it says \(agencyCount) agencies, but the seal \(seal.agencies)" }
        return nil
    }
}

/// An error: the published result is damaged or is not the result of its ledger.
struct PublishedDrawError: ProgramError, CustomStringConvertible {
    var path: String
    var reason: String
    var exit: ProgramExit { .data }

    var description: String {
        "\(path): \(reason); keep both files unchanged for the auditor, and run `bet-ingest verify`; if the ledger is "
            + "valid, move the result elsewhere: the next start then publishes the draw again"
    }
}
