import Domain
import Ledger
import Shell

extension DrawStandings {
    /// Returns a table of the agencies: with more than 200, only those that have sent something.
    ///
    /// An agency above `agencies` that has sent something is listed too.
    func table(agencies: UInt32) -> String {
        var table = TextTable(["agency", "chunks", "bets", "rejected", "state"])
        let silentOnes = agencies <= 200 ? (0..<agencies).map { AgencyID($0 + 1) } : []
        let listed = Set(standings.keys).union(silentOnes).sorted()
        for agency in listed {
            let standing = self[agency]
            let hasSent = standings[agency] != nil
            table.append([
                "\(agency)", "\(standing.nextSequence - 1)", "\(standing.storedBets)",
                "\(standing.rejectedBets)",
                standing.isFinished ? "finished" : hasSent ? "sending" : "nothing yet",
            ])
        }
        let silent = Int(agencies) - standings.keys.count { $0.rawValue <= agencies }
        let rest = agencies > 200 && silent > 0 ? "\n\(silent) agencies have sent nothing yet" : ""
        return table.text + rest
    }
}

extension LedgerContents {
    func summary(path: String) -> String {
        let ending =
            end.tornBytes > 0
            ? "a group of \(end.tornBytes) bytes is incomplete at byte \(end.offset): it is being written, or was when "
                + "the service died"
            : end.isClosed
                ? "closed cleanly" : "open: no closing group, because the service is running or crashed"
        return """
            ledger    \(path)
            draw      \(header.draw)
            bets      \(standings.storedBets) in \(chunkCount) chunks, \(end.offset) bytes
            seal      \(standings.seal == nil ? "none" : "sealed")
            end       \(ending)
            """
    }
}
