/// What can be wrong with a ledger.
package enum LedgerError: Error, Equatable, Sendable, CustomStringConvertible {
    case disk(DiskError)
    /// The first block is no header of version 1.
    case badHeader(path: String, reason: String)
    /// Bytes that were durable are not what was written, or follow no rule of the format.
    case damaged(path: String, offset: Int, reason: String)

    package var description: String {
        switch self {
        case .disk(let error):
            "\(error)"
        case .badHeader(let path, let reason):
            "\(path): byte 0: \(reason)"
        case .damaged(let path, let offset, let reason):
            "\(path): byte \(offset): \(reason)"
        }
    }
}
