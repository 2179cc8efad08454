package import Domain
package import Storage

/// One draw in a list: for `bet-ingest draws`, the control socket and the console.
package struct DrawSummary: Codable, Equatable, Sendable {
    package var draw: DrawID
    package var state: DrawState
    package var opens: Instant?
    package var cutOff: Instant?
    package var expectedAgencies: UInt32
    package var finishedAgencies: Int
    /// Agencies with chunks and without a last chunk.
    package var unfinishedAgencies: Int
    package var bets: UInt64
    package var rejectedBets: UInt64
    package var lateChunks: Int
    package var lateBets: Int
    package var sealReason: SealRecord.Reason?
    package var number: UInt16?
    package var winningBets: UInt64?
    package var voidReason: String?

    package var absentAgencies: Int { Int(expectedAgencies) - finishedAgencies - unfinishedAgencies }

    /// Makes the summary of a draw from its standings.
    package init(
        _ draw: DrawID, state: DrawState, terms: DrawTerms?, cutOff: Instant?, agencies: DrawAgencies,
        standings: DrawStandings, late: LateList
    ) {
        self.draw = draw
        self.state = state
        opens = terms?.opens
        self.cutOff = cutOff
        expectedAgencies = agencies.count
        finishedAgencies = standings.standings.count { $0.value.isFinished }
        unfinishedAgencies = standings.standings.count - finishedAgencies
        bets = standings.storedBets
        rejectedBets = standings.standings.reduce(0) { $0 + $1.value.rejectedBets }
        lateChunks = late.total.chunks
        lateBets = late.total.bets
        sealReason = standings.seal?.reason
    }

    /// Makes the summary of a draw that is not open yet.
    package init(planned draw: DrawID, opens: Instant, cutOff: Instant?) {
        self.init(
            draw, state: .planned, terms: nil, cutOff: cutOff, agencies: 0, standings: DrawStandings(),
            late: LateList())
        self.opens = opens
    }

    /// Makes the summary of a published draw.
    package init(_ result: DrawResult, terms: DrawTerms?, cutOff: Instant?, late: LateList) {
        draw = result.draw
        state = .published
        opens = terms?.opens
        self.cutOff = cutOff
        expectedAgencies = result.agencyCount - UInt32(result.seal?.excludedCount ?? 0)
        finishedAgencies = result.seal?.finishedCount ?? Int(result.agencyCount)
        unfinishedAgencies = result.seal?.unfinishedCount ?? 0
        bets = result.bets
        rejectedBets = (result.agencies ?? []).reduce(0) { $0 + $1.rejectedBets }
        lateChunks = late.total.chunks
        lateBets = late.total.bets
        sealReason = result.seal?.reason ?? .allFinished
        number = result.winningNumber
        winningBets = result.winningBets
    }

    /// Adds what the draw's documents say.
    ///
    /// - Throws: ``DrawDocumentError``; ``DiskError``; ``DrawResultError``.
    package mutating func addDocuments(of folder: DrawFolder, on disk: any Disk) throws {
        number = try WinningNumber(in: folder, on: disk)?.number
        voidReason = try VoidDraw(in: folder, on: disk)?.reason
        guard let bytes = try DurableFile.read(folder.result, on: disk) else { return }
        let result = try DrawResult(fileBytes: bytes)
        number = result.winningNumber
        winningBets = result.winningBets
    }
}
