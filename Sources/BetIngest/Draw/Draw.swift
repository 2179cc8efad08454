import Crypto
import Shared

/// The draw: over exactly the sealed ledger, on the main thread.
struct Draw {
    let folder: DrawFolder
    let disk: any Disk
    /// Asked between groups, so that a stop need not wait for a large ledger.
    let isStopping: () -> Bool

    /// Picks the winners from a sealed ledger: one pass over its records, each checked and counted again, and one for
    /// its SHA-256.
    ///
    /// Blocks.
    ///
    /// - Parameter seal: what the ledger must end with.
    /// - Returns: nil when it was asked to stop; nothing has changed then.
    /// - Throws: ``LedgerError`` where the ledger is damaged or is not the sealed one: nothing is published from it.
    func run(_ seal: SealRecord) throws(LedgerError) -> DrawResult? {
        var standings = DrawStandings()
        var winners: [AgencyID: [String]] = [:]
        var reader = try LedgerReader(folder.ledger, on: disk)
        while let records = try reader.nextGroup() {
            if isStopping() { return nil }
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
        guard let digest = try hashLedger(upTo: reader.offset) else { return nil }
        let agencies = (0..<seal.agencies).map { index in
            let agency = AgencyID(index + 1)
            return DrawResult.Agency(
                agency: agency, bets: standings[agency].storedBets,
                rejectedBets: standings[agency].rejectedBets, winners: winners[agency] ?? [])
        }
        return DrawResult(
            draw: folder.draw, winningNumber: seal.winningNumber, method: seal.method,
            bets: seal.bets, ledgerBytes: reader.offset, ledgerSHA256: digest, agencies: agencies)
    }

    /// The SHA-256 of the ledger's groups; nil when asked to stop.
    private func hashLedger(upTo end: Int) throws(LedgerError) -> String? {
        do throws(DiskError) {
            let file = try disk.open(folder.ledger, .readOnly)
            var hash = SHA256()
            var offset = 0
            while offset < end {
                if isStopping() { return nil }
                let bytes = try file.read(at: offset, byteCount: min(1 << 20, end - offset))
                guard !bytes.isEmpty else { break }
                hash.update(data: bytes)
                offset += bytes.count
            }
            return hexadecimal(hash.finalize())
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
