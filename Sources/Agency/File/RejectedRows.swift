import Shared

/// `<file>.rejected.csv`: the rows that were not stored, with number and reason.
///
/// Made when the first one comes; a row is written once, however often the file is read again after a lost connection.
final class RejectedRows {
    let path: String
    /// Rows that are no bets.
    private(set) var faultyCount = 0
    /// Rows of chunks that the service refused.
    private(set) var refusedCount = 0
    private var lastRow = 0
    private var output: OutputFile?

    init(path: String) {
        self.path = path
    }

    /// Writes a row that is no bet.
    ///
    /// Rows come in order; one that was written is passed over.
    func append(row: Int, reason: String) throws(DiskError) {
        guard row > lastRow else { return }
        lastRow = row
        faultyCount += 1
        try write(row: row, reason: reason)
    }

    /// Writes a row that was sent and refused by the service.
    func appendRefused(row: Int, reason: String) throws(DiskError) {
        refusedCount += 1
        try write(row: row, reason: reason)
    }

    private func write(row: Int, reason: String) throws(DiskError) {
        if output == nil {
            output = try OutputFile(path)
            try output?.write(Array("row,reason\r\n".utf8))
        }
        let quoted = reason.replacing("\"", with: "\"\"")
        try output?.write(Array("\(row),\"\(quoted)\"\r\n".utf8))
    }
}
