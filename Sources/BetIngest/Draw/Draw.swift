import Domain
import Ledger
import Storage
import WireProtocol

/// The draw over exactly the sealed ledger, in bounded memory.
///
/// Isolation: one thread, the main thread of the service; blocks.
struct Draw {
    let folder: DrawFolder
    let disk: any Disk
    /// The temporary file for runs has `.runs` appended.
    let winnersPath: String
    /// Called between groups, so that a stop does not wait for a large ledger.
    let isStopping: () -> Bool

    /// Picks the winners in one pass, which checks and counts each record again and computes the ledger's SHA-256.
    ///
    /// Durability: the winners file at `winnersPath` is durable on return; a crash leaves part of it.
    ///
    /// - Parameters:
    ///   - seal: the record with which the ledger must end.
    ///   - number: the number that wins.
    /// - Returns: nil after a stop.
    /// - Throws: ``LedgerError`` if the ledger is damaged or is not the sealed one; ``DiskError``.
    func run(_ seal: SealRecord, number: DrawnNumber) throws -> DrawResult? {
        var standings = DrawStandings(tracksDigests: false)
        var winners = WinnerCollector(path: winnersPath + ".runs", on: disk)
        defer { try? winners.removeFile() }
        var reader = try LedgerReader(folder.ledger, on: disk)
        var hash = SHA256()
        hash.update(data: reader.headerBlock)
        while let records = try reader.nextGroup() {
            if isStopping() { return nil }
            reader.withGroupBytes { bytes in
                bytes.withUnsafeBytes { hash.update(bufferPointer: $0) }
            }
            for record in records {
                let fault = try reader.withPayload(of: record) { payload throws(DiskError) in
                    try collect(record.header, payload, number.number, &standings, &winners)
                }
                if let fault { throw LedgerError.damaged(path: folder.ledger, offset: record.offset, reason: fault) }
            }
        }
        guard standings.seal == seal else {
            throw LedgerError.damaged(
                path: folder.ledger, offset: reader.offset, reason: "the ledger does not end with its seal")
        }
        let ledgerID = reader.header.ledgerID
        let (file, agencies, winningBets) = try write(
            winners, agencies: seal.agencies, standings, number: number.number, ledgerID: ledgerID)
        return DrawResult(
            draw: folder.draw, ledgerID: ledgerID, number: number, seal: seal, ledgerBytes: reader.offset,
            ledgerSHA256: hexadecimal(hash.finalize()), winningBets: winningBets, winnersFile: file,
            agencies: agencies)
    }

    /// Checks and counts a record, and collects its winners.
    ///
    /// - Returns: the reason that the record is invalid, or nil.
    /// - Throws: ``DiskError``.
    private func collect(
        _ record: RecordHeader, _ payload: Span<UInt8>, _ number: UInt16, _ standings: inout DrawStandings,
        _ winners: inout WinnerCollector
    ) throws(DiskError) -> String? {
        if let fault = standings.check(record, payload: payload) { return fault }
        guard record.kind == .chunk || record.kind == .lastChunk else { return nil }
        try BetColumns(payload, count: record.count).forEachDocument(of: number) { (document) throws(DiskError) in
            try winners.append(document, of: record.agency)
        }
        return nil
    }

    /// Writes the winners file.
    ///
    /// - Returns: its size and SHA-256, the list of agencies if it is short enough, and the number of winning bets.
    /// - Throws: ``DiskError``.
    private func write(
        _ winners: WinnerCollector, agencies count: UInt32, _ standings: DrawStandings, number: UInt16, ledgerID: UInt64
    ) throws(DiskError) -> (DrawResult.WinnersSeal, [DrawResult.Agency]?, UInt64) {
        var runs = winners.runs()
        var writer = try WinnersFileWriter(winnersPath, agencies: count, on: disk)
        var agencies: [DrawResult.Agency]? = count <= DrawResult.maxListedAgencies ? [] : nil
        var (winningBets, listedDocuments): (UInt64, Int) = (0, 0)
        for index in 0..<count {
            let agency = AgencyID(index + 1)
            let standing = standings[agency]
            var documents: [String] = []
            let agencyWinners = try writer.append(agency, standing, from: &runs) { document in
                listedDocuments += 1
                guard agencies != nil, listedDocuments <= DrawResult.maxListedWinners else { return }
                documents.append(String(decoding: document.dropFirst(), as: UTF8.self))
            }
            winningBets += agencyWinners
            agencies?.append(
                DrawResult.Agency(
                    agency: agency, bets: standing.storedBets, rejectedBets: standing.rejectedBets,
                    winningBets: agencyWinners,
                    winners: documents))
        }
        if listedDocuments > DrawResult.maxListedWinners {
            for index in (agencies ?? []).indices { agencies?[index].winners = nil }
        }
        let file = try writer.finish(winningNumber: number, ledgerID: ledgerID)
        return (file, agencies, winningBets)
    }
}

extension BetColumns {
    /// Passes the winning documents to `body`, in the order of the chunk.
    ///
    /// Reads the number column, and the rest of the chunk only if there is a winner.
    func forEachDocument<Failure: Error>(
        of winningNumber: UInt16, _ body: (Span<UInt8>) throws(Failure) -> Void
    ) throws(Failure) {
        var cursor: BetTextCursor?
        var read = 0
        for bet in 0..<count where number(at: bet) == winningNumber {
            var text = cursor ?? BetTextCursor(self)
            while read < bet {
                _ = text.next(self, bet: read)
                read += 1
            }
            try body(bytes.extracting(text.next(self, bet: bet).document))
            read += 1
            cursor = text
        }
    }
}
