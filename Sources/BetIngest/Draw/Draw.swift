import Crypto
import Shared

/// The draw: over exactly the sealed ledger, on the main thread.
struct Draw {
    let folder: DrawFolder
    let disk: any Disk
    /// Asked between groups, so that a stop need not wait for a large ledger.
    let isStopping: () -> Bool

    /// Picks the winners from a sealed ledger, in one pass: each record is checked and counted again, and the SHA-256 is
    /// of the very bytes that were.
    ///
    /// Blocks.
    ///
    /// - Parameter seal: what the ledger must end with.
    /// - Returns: nil when it was asked to stop; nothing has changed then.
    /// - Throws: ``LedgerError`` where the ledger is damaged or is not the sealed one: nothing is published from it.
    func run(_ seal: SealRecord) throws(LedgerError) -> DrawResult? {
        var standings = DrawStandings(tracksDigests: false)
        var winners: [AgencyID: [String]] = [:]
        var reader = try LedgerReader(folder.ledger, on: disk)
        var hash = SHA256()
        hash.update(data: reader.headerBlock)
        while let records = try reader.nextGroup() {
            if isStopping() { return nil }
            reader.withGroupBytes { bytes in
                bytes.withUnsafeBytes { hash.update(bufferPointer: $0) }
            }
            for record in records {
                let fault = reader.withPayload(of: record) { payload in
                    let fault = standings.check(record.header, payload: payload)
                    let isChunk = record.header.kind == .chunk || record.header.kind == .lastChunk
                    guard fault == nil, isChunk else { return fault }
                    let documents = BetColumns(payload, count: record.header.count)
                        .documents(of: seal.winningNumber)
                    if !documents.isEmpty { winners[record.header.agency, default: []] += documents }
                    return nil
                }
                if let fault { throw .damaged(path: folder.ledger, offset: record.offset, reason: fault) }
            }
        }
        guard standings.seal == seal else {
            throw .damaged(path: folder.ledger, offset: reader.offset, reason: "the ledger does not end with its seal")
        }
        let agencies = (0..<seal.agencies).map { index in
            let agency = AgencyID(index + 1)
            return DrawResult.Agency(
                agency: agency, bets: standings[agency].storedBets,
                rejectedBets: standings[agency].rejectedBets, winners: winners[agency] ?? [])
        }
        return DrawResult(
            draw: folder.draw, winningNumber: seal.winningNumber, method: seal.method,
            bets: seal.bets, ledgerBytes: reader.offset, ledgerSHA256: hexadecimal(hash.finalize()), agencies: agencies)
    }
}

extension BetColumns {
    /// The documents of the bets on a number, in the order of the chunk.
    ///
    /// Reads the number column; the rest of the chunk only where there is a winner.
    func documents(of winningNumber: UInt16) -> [String] {
        var documents: [String] = []
        var cursor: BetTextCursor?
        var read = 0
        for bet in 0..<count where number(at: bet) == winningNumber {
            var text = cursor ?? BetTextCursor(self)
            while read < bet {
                _ = text.next(self, bet: read)
                read += 1
            }
            documents.append(string(text.next(self, bet: bet).document))
            read += 1
            cursor = text
        }
        return documents
    }
}
