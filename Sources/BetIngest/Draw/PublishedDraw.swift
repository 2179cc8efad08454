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
        guard disk.stamp(folder.result) != nil else { return nil }
        let number = try contents.standings.seal?.number ?? WinningNumber(in: folder, on: disk)?.drawn
        try self.init(folder, on: disk)
        if let difference = result.difference(from: contents, number, of: folder.draw) {
            throw PublishedDrawError(
                path: folder.result, reason: "it is not the result of the ledger beside it: \(difference)")
        }
    }

    /// Reads a published result without its ledger.
    ///
    /// - Throws: ``PublishedDrawError``; ``DiskError``.
    init(_ folder: DrawFolder, on disk: any Disk) throws {
        let bytes = try DurableFile.read(folder.result, on: disk) ?? []
        do throws(DrawResultError) {
            result = try DrawResult(fileBytes: bytes)
        } catch {
            throw PublishedDrawError(path: folder.result, reason: "\(error)")
        }
        do {
            winners = try WinnersFile(folder.winners, of: result, on: disk)
        } catch let error as DrawResultError {
            throw PublishedDrawError(path: folder.result, reason: "\(error)")
        }
    }
}

extension DrawResult {
    /// Returns a contradiction between the result and a ledger; nil if they belong together.
    func difference(from contents: LedgerContents, _ number: DrawnNumber?, of draw: DrawID) -> String? {
        guard let seal = contents.standings.seal else { return "the ledger is not sealed" }
        let ledgerID = Self.text(ledgerID: contents.header.ledgerID)
        if self.draw != draw { return "it is of draw \(self.draw), but the ledger of draw \(draw)" }
        if let id = self.ledgerID, id != ledgerID { return "it is of ledger \(id), but this is ledger \(ledgerID)" }
        if ledgerBytes != contents.end.offset {
            return "it says \(ledgerBytes) bytes, but the ledger has \(contents.end.offset)"
        }
        if bets != seal.bets { return "it says \(bets) bets, but the seal \(seal.bets)" }
        guard let number else { return "number.json is missing" }
        if DrawnNumber(number: winningNumber, method: method) != number {
            return "it says number \(winningNumber), \(method), but the draw has \(number.number), \(number.method)"
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
