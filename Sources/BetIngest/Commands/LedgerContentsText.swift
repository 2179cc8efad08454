import Ledger

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
            seal      \(standings.seal.map { "\($0.reason.rawValue), \($0.instant)" } ?? "none")
            end       \(ending)
            """ + (digest.map { "\ndigest    \($0.text)" } ?? "")
    }
}
