/// The form of a list of winners in a dialect, in which a list of any length can be sent in pieces.
package enum WinnersForm: Equatable, Sendable {
    /// The documents, separated by one byte, between a header and a trailer.
    case joined(header: [UInt8], separator: UInt8, trailer: [UInt8])
    /// After a header, each document as a big-endian u32.
    case integers(header: [UInt8])

    /// Returns the size of `count` documents joined by a separator of one byte.
    ///
    /// - Parameter documentsBytes: the size of the documents in the winners file, each with a length of one byte.
    package static func joinedBytes(count: UInt64, documentsBytes: Int) -> Int {
        count == 0 ? 0 : documentsBytes - 1
    }

    /// Encodes a whole list that is in memory; other lists are sent in pieces.
    package func bytes(of documents: [String]) -> [UInt8] {
        switch self {
        case .joined(let header, let separator, let trailer):
            return header + documents.map { Array($0.utf8) }.joined(separator: [separator]) + trailer
        case .integers(let header):
            var bytes = header
            for document in documents { bytes.append(bigEndian: UInt32(document) ?? 0) }
            return bytes
        }
    }
}
