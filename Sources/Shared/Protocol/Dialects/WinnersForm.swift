/// How a dialect writes a list of winners, so that a list of any length can be sent in pieces.
package enum WinnersForm: Equatable, Sendable {
    /// The documents, separated by one byte each, between a header and a trailer.
    case joined(header: [UInt8], separator: UInt8, trailer: [UInt8])
    /// After a header, each document as a big-endian u32.
    case integers(header: [UInt8])

    /// The bytes of `count` documents joined by one separator each.
    ///
    /// - Parameter documentsBytes: of the documents as the winners file has them, each with a length of one byte.
    package static func joinedBytes(count: UInt64, documentsBytes: Int) -> Int {
        count == 0 ? 0 : documentsBytes - 1
    }
}

extension Dialect {
    /// Appends a list of winners as it goes on the wire, whole.
    ///
    /// For lists that are in memory; others are sent in pieces.
    ///
    /// - Returns: false if the dialect has no words for it.
    func encode(winners documents: [String], into bytes: inout [UInt8]) -> Bool {
        let documentsBytes = documents.reduce(0) { $0 + 1 + $1.utf8.count }
        let areIntegers = documents.allSatisfy { UInt32($0).map(String.init) == $0 }
        switch winnersForm(count: UInt64(documents.count), documentsBytes: documentsBytes, areIntegers: areIntegers) {
        case nil:
            return false
        case .joined(let header, let separator, let trailer)?:
            bytes += header
            for (index, document) in documents.enumerated() {
                if index > 0 { bytes.append(separator) }
                bytes += document.utf8
            }
            bytes += trailer
        case .integers(let header)?:
            bytes += header
            for document in documents { bytes.append(bigEndian: UInt32(document) ?? 0) }
        }
        return true
    }
}
