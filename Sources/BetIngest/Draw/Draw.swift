import Crypto
import Shared

/// The draw: over exactly the sealed ledger, on the main thread.
struct Draw {
    let folder: DrawFolder
    let disk: any Disk
    /// Asked between groups, so that a stop need not wait for a large ledger.
    let isStopping: () -> Bool

    /// Picks the winners from a sealed ledger: one pass over its records, each checked, and one for its SHA-256.
    ///
    /// Blocks.
    ///
    /// - Returns: nil when it was asked to stop; nothing has changed then.
    /// - Throws: ``LedgerError`` where the ledger is damaged: nothing is published from it.
    func run(standings: DrawStandings) throws(LedgerError) -> DrawResult? {
        guard let seal = standings.seal else {
            preconditionFailure("a draw over a ledger that is not sealed")
        }
        var winners: [AgencyID: [String]] = [:]
        var reader = try LedgerReader(folder.ledger, on: disk)
        while let records = try reader.nextGroup() {
            if isStopping() { return nil }
            for record in records
            where record.header.kind == .chunk || record.header.kind == .lastChunk {
                let documents = reader.withPayload(of: record) { payload in
                    BetColumns(payload, count: record.header.count)
                        .documents(of: seal.winningNumber)
                }
                if !documents.isEmpty {
                    winners[record.header.agency, default: []].append(contentsOf: documents)
                }
            }
        }
        guard let (ledgerBytes, digest) = try hashLedger() else { return nil }
        let agencies = (1...seal.agencies).map { number in
            let agency = AgencyID(number)
            return DrawResult.Agency(
                agency: agency, bets: standings[agency].storedBets,
                rejectedBets: standings[agency].rejectedBets, winners: winners[agency] ?? [])
        }
        return DrawResult(
            draw: folder.draw, winningNumber: seal.winningNumber, method: seal.method,
            bets: seal.bets, ledgerBytes: ledgerBytes, ledgerSHA256: digest, agencies: agencies)
    }

    /// The size and SHA-256 of the ledger's file; nil when asked to stop.
    private func hashLedger() throws(LedgerError) -> (Int, String)? {
        do throws(DiskError) {
            let file = try disk.open(folder.ledger, .readOnly)
            var hash = SHA256()
            var offset = 0
            while true {
                if isStopping() { return nil }
                let bytes = try file.read(at: offset, byteCount: 1 << 20)
                if bytes.isEmpty { return (offset, hexadecimal(hash.finalize())) }
                hash.update(data: bytes)
                offset += bytes.count
            }
        } catch {
            throw .disk(error)
        }
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
