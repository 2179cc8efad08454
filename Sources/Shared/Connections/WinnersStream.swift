package import Dialects
package import Ledger
package import Storage
import WireProtocol

/// An agency's winners in wire format, encoded piece by piece because a list may be longer than any buffer.
///
/// Isolation: one thread. Each read is a page or two, from the page cache.
package struct WinnersStream: Sendable {
    private enum Form: Sendable {
        /// INFORM_AGENCY_WINNERS, as many frames as it takes.
        case native(number: UInt16)
        case dialect(WinnersForm)
    }

    /// The maximum bytes of documents in one piece, and so in one frame.
    private static let pieceBytes = 16 << 10

    private let file: WinnersFile
    private let entry: WinnersEntry
    private let form: Form
    private var index = 0
    private var checksum: UInt32 = 0
    /// Whether the last piece was passed on.
    package private(set) var isDone = false

    /// - Parameter dialect: nil for the native protocol.
    /// - Returns: nil if the dialect cannot express these winners.
    package init?(_ file: WinnersFile, _ entry: WinnersEntry, dialect: (any Dialect)?) {
        self.file = file
        self.entry = entry
        guard let dialect else {
            form = .native(number: file.header.winningNumber)
            return
        }
        let form = dialect.winnersForm(
            count: entry.winners, documentsBytes: entry.documentsBytes, areIntegers: entry.areIntegers)
        guard let form else { return nil }
        self.form = .dialect(form)
    }

    /// The length of the whole list.
    package var count: UInt64 { entry.winners }

    /// Whether the whole list fits one piece.
    package var isOnePiece: Bool { entry.documentsBytes <= Self.pieceBytes }

    /// Appends the next piece.
    ///
    /// - Throws: ``WinnersFault`` if the file cannot be read or has changed; the list must then be left unfinished.
    /// - Precondition: not ``isDone``.
    package mutating func appendNext(to bytes: inout [UInt8]) throws(WinnersFault) {
        precondition(!isDone, "the list has ended")
        let isFirst = index == 0
        let documents = try readDocuments()
        let isLast = index == entry.documentsBytes
        if isLast, checksum != entry.checksum { throw .changed }
        isDone = isLast
        switch form {
        case .native(let number):
            appendFrame(documents, number: number, hasMore: !isLast, to: &bytes)
        case .dialect(.joined(let header, let separator, let trailer)):
            if isFirst { bytes += header }
            forEach(documents) { document, position in
                if !(isFirst && position == 0) { bytes.append(separator) }
                bytes += document
            }
            if isLast { bytes += trailer }
        case .dialect(.integers(let header)):
            if isFirst { bytes += header }
            forEach(documents) { document, _ in
                bytes.append(bigEndian: UInt32(String(decoding: document, as: UTF8.self)) ?? 0)
            }
        }
    }

    private mutating func readDocuments() throws(WinnersFault) -> [UInt8] {
        guard entry.documentsBytes > 0 else { return [] }
        var bytes: [UInt8]
        do throws(DiskError) {
            bytes = try file.documents(entry, from: index, maxBytes: Self.pieceBytes)
        } catch {
            throw .disk(error)
        }
        var end = 0
        while end < bytes.count, end + 1 + Int(bytes[end]) <= bytes.count { end += 1 + Int(bytes[end]) }
        if end == 0 { throw .changed }
        bytes.removeSubrange(end...)
        index += end
        checksum = CRC32C.checksum(bytes.span.bytes, continuing: checksum)
        return bytes
    }

    private func forEach(_ documents: [UInt8], _ body: (ArraySlice<UInt8>, Int) -> Void) {
        var start = 0
        while start < documents.count {
            let end = start + 1 + Int(documents[start])
            body(documents[start + 1..<end], start)
            start = end
        }
    }

    private func appendFrame(_ documents: [UInt8], number: UInt16, hasMore: Bool, to bytes: inout [UInt8]) {
        var count: UInt32 = 0
        forEach(documents) { _, _ in count += 1 }
        bytes.append(bigEndian: UInt32(8 + documents.count))
        bytes.append(MessageType.informAgencyWinners.rawValue)
        bytes.append(bigEndian: number)
        bytes.append(hasMore ? 1 : 0)
        bytes.append(bigEndian: count)
        bytes += documents
    }
}

extension WinnersStream: Equatable {
    package static func == (left: WinnersStream, right: WinnersStream) -> Bool {
        left.file === right.file && left.entry == right.entry && left.index == right.index
    }
}

/// The reason an agency's winners cannot be sent.
package enum WinnersFault: Error, Equatable, Sendable, CustomStringConvertible {
    case disk(DiskError)
    case changed

    package var description: String {
        switch self {
        case .disk(let error): "\(error)"
        case .changed: "the winners file has changed since the publication"
        }
    }
}
