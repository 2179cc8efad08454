import Shared

extension DrawStandings {
    /// A line for each agency, for people.
    var table: String {
        var table = TextTable(["agency", "chunks", "bets", "rejected", "state"])
        for agency in standings.keys.sorted() {
            let standing = self[agency]
            table.append([
                "\(agency)", "\(standing.nextSequence - 1)", "\(standing.storedBets)",
                "\(standing.rejectedBets)", standing.isFinished ? "finished" : "sending",
            ])
        }
        return table.text
    }
}

extension LedgerContents {
    /// What a ledger is, in a few lines for people.
    func summary(path: String) -> String {
        let ending =
            end.tornBytes > 0
            ? "a group of \(end.tornBytes) bytes is incomplete at byte \(end.offset): it is being written, or was when "
                + "the service died"
            : end.isClosed
                ? "closed cleanly" : "open: no closing group, as while the service runs or after a crash"
        return """
            ledger    \(path)
            draw      \(header.draw)
            bets      \(standings.storedBets) in \(chunkCount) chunks, \(end.offset) bytes
            seal      \(standings.seal == nil ? "none" : "sealed")
            end       \(ending)
            """
    }
}
