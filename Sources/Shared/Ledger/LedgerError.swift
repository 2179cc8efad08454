package import Storage

/// The reason a ledger cannot be read or written.
package enum LedgerError: Error, Equatable, Sendable, CustomStringConvertible {
    case disk(DiskError)
    /// The first block is not the header of a version that this program reads.
    case badHeader(path: String, reason: String)
    /// Bytes that were durable have changed, or violate the format.
    case damaged(path: String, offset: Int, reason: String)
    /// A group or record with a valid checksum, of a kind that a newer version wrote.
    ///
    /// Never cut off as torn.
    case unknownKind(path: String, offset: Int, what: String, kind: UInt8)
    /// The path no longer names the open file, or the file was truncated or modified by another process.
    ///
    /// Writes no longer reach the ledger, so nothing may be acknowledged.
    case lost(path: String)
    /// Another process has the ledger open for writing.
    case inUse(path: String)

    package var description: String {
        switch self {
        case .disk(let error):
            "\(error)"
        case .badHeader(let path, let reason):
            "\(path): byte 0: \(reason)"
        case .damaged(let path, let offset, let reason):
            "\(path): byte \(offset): \(reason)"
        case .unknownKind(let path, let offset, let what, let kind):
            "\(path): byte \(offset): a \(what) of kind \(kind), which this version does not know; a newer version wrote "
                + "it: start that one, nothing was changed"
        case .lost(let path):
            "\(path) was removed, replaced, truncated or modified by another program while it was open: nothing "
                + "more is acknowledged; restore the file before the next start"
        case .inUse(let path):
            "\(path) is open for writing in another process; one ingest service at a time may use a data folder"
        }
    }
}
