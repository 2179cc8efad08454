package import Storage

/// What can be wrong with a ledger.
package enum LedgerError: Error, Equatable, Sendable, CustomStringConvertible {
    case disk(DiskError)
    /// The first block is not the header of a version that this program reads.
    case badHeader(path: String, reason: String)
    /// Bytes that were durable are not what was written, or follow no rule of the format.
    case damaged(path: String, offset: Int, reason: String)
    /// A group or record whose checksum is right and whose kind a newer version has made.
    ///
    /// Never cut off as torn.
    case unknownKind(path: String, offset: Int, what: String, kind: UInt8)
    /// The path does not name the open file any more, or the file is shorter than what was written.
    ///
    /// Nothing that is written reaches the ledger: nothing may be acknowledged.
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
            "\(path) was removed, replaced, cut or written to by another program while it was open: nothing more is "
                + "acknowledged; put the file back before the next start"
        case .inUse(let path):
            "\(path) is open for writing in another process; one ingest service at a time may use a data folder"
        }
    }
}
