import Glibc
import Shared

/// The rows of a file that are not in the draw.
///
/// `<file>.rejected.csv` has the rows that are no bets; every run reads them again, so every run writes it anew.
/// `<file>.refused.csv` has the rows of chunks that the service refused; only the run that sent them knows them, so later
/// runs keep it. Both are there only if there is something to say.
final class RejectedRows {
    let rejectedPath: String
    let refusedPath: String
    /// Rows that are no bets.
    private(set) var faultyCount = 0
    private var lastRow = 0
    private var rejected: OutputFile?
    private var refused: OutputFile?

    /// - Parameter path: the file of bets.
    init(path: String) {
        rejectedPath = path + ".rejected.csv"
        refusedPath = path + ".refused.csv"
    }

    /// Forgets what earlier runs wrote.
    ///
    /// - Parameter isFreshStart: the service holds nothing of this agency, so nothing of it was refused.
    func begin(isFreshStart: Bool) {
        if rejected == nil { unlink(rejectedPath) }
        if isFreshStart, refused == nil { unlink(refusedPath) }
    }

    /// Writes a row that is no bet.
    ///
    /// Rows come in order; one that was written is passed over, however often the file is read again.
    func append(row: Int, reason: String) throws(DiskError) {
        guard row > lastRow else { return }
        lastRow = row
        faultyCount += 1
        try Self.write(row, reason, to: &rejected, path: rejectedPath, appends: false)
    }

    /// Writes a row that was sent and refused by the service.
    func appendRefused(row: Int, reason: String) throws(DiskError) {
        try Self.write(row, reason, to: &refused, path: refusedPath, appends: true)
    }

    private static func write(
        _ row: Int, _ reason: String, to output: inout OutputFile?, path: String, appends: Bool
    ) throws(DiskError) {
        if output == nil {
            let file = try OutputFile(path, appends: appends)
            if try file.isEmpty() { try file.write(Array("row,reason\r\n".utf8)) }
            output = file
        }
        let quoted = reason.replacing("\"", with: "\"\"")
        try output?.write(Array("\(row),\"\(quoted)\"\r\n".utf8))
    }
}
