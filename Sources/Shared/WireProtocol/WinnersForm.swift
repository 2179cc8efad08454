/// The form of a dialect's list of winners, which can be sent in pieces.
package enum WinnersForm: Equatable, Sendable {
    /// The documents, separated by one byte, between a header and a trailer.
    case joined(header: [UInt8], separator: UInt8, trailer: [UInt8])
    /// After a header, each document as a big-endian u32.
    case integers(header: [UInt8])

    /// Returns the size of `count` documents joined by a separator; each has a length of one byte in the winners file.
    package static func joinedBytes(count: UInt64, documentsBytes: Int) -> Int {
        count == 0 ? 0 : documentsBytes - 1
    }

    /// Encodes a whole list.
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
