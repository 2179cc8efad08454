import TestKit

/// An existing agency program with a protocol of its own.
///
/// These programs are written from the description of their wire formats alone, and share no code with the services.
/// They are strict: an answer that differs by one byte is an error.
protocol DialectAgency: Sendable {
    /// Sends all rows in chunks and asks for its winners.
    ///
    /// - Parameter rows: first name, last name, document, birthdate, number as they are in the CSV file.
    /// - Returns: the documents that won, as the program read them.
    func run(rows: [[String]], chunkBets: Int) throws -> [String]
}

extension DialectAgency {
    /// Cuts rows into chunks of `count`; no rows give no chunk.
    func chunks(_ rows: [[String]], of count: Int) -> [[[String]]] {
        precondition(count > 0, "chunks of \(count) bets")
        return stride(from: 0, to: rows.count, by: count).map { Array(rows[$0..<min($0 + count, rows.count)]) }
    }

    /// Cuts rows like a program that reads its file until a chunk is short: the last chunk may be empty.
    func chunksUntilShort(_ rows: [[String]], of count: Int) -> [[[String]]] {
        chunks(rows, of: count) + (rows.count.isMultiple(of: count) ? [[]] : [])
    }

    /// Splits winners into documents, none of which may be empty.
    static func documents(_ text: some StringProtocol, separator: Character) throws -> [String] {
        let documents = String(text).split(separator: separator, omittingEmptySubsequences: false).map(String.init)
        guard documents.allSatisfy({ !$0.isEmpty }) else {
            throw DialectAgencyError(expected: "documents separated by \(separator)", came: Array(text.utf8))
        }
        return documents
    }
}

/// An answer that a program does not expect.
struct DialectAgencyError: Error, CustomStringConvertible {
    let description: String

    init(expected: String, came bytes: [UInt8], then end: String = "") {
        let text = String(decoding: bytes, as: UTF8.self).debugDescription
        description = "expected \(expected), received \(bytes.count) bytes \(text)\(end)"
    }
}

extension FixedWidthInteger {
    var bigEndianBytes: [UInt8] {
        withUnsafeBytes(of: bigEndian) { Array($0) }
    }
}

extension Sequence<UInt8> {
    /// The value of these bytes in big-endian order.
    var bigEndianNumber: Int {
        reduce(0) { $0 << 8 | Int($1) }
    }
}

extension TestSocket {
    /// Reads once into a fresh buffer; returns nothing if the service has closed.
    func takeOnce(_ what: String, maxBytes: Int = 65_536) throws -> [UInt8] {
        do {
            return try receiveOnce(maxBytes: maxBytes)
        } catch {
            throw DialectAgencyError(expected: what, came: [], then: ", then \(error)")
        }
    }

    /// Reads exactly `count` bytes, in any number of reads.
    func take(_ count: Int, of what: String) throws -> [UInt8] {
        var bytes: [UInt8] = []
        while bytes.count < count {
            let more: [UInt8]
            do {
                more = try receiveOnce(maxBytes: min(count - bytes.count, 65_536))
            } catch {
                throw DialectAgencyError(expected: "\(count) bytes of \(what)", came: bytes, then: ", then \(error)")
            }
            if more.isEmpty {
                throw DialectAgencyError(expected: "\(count) bytes of \(what)", came: bytes, then: ", then the end")
            }
            bytes += more
        }
        return bytes
    }

    /// Reads once and expects exactly this answer: every reply is sent in one write.
    ///
    /// - Parameter isPrefix: whether more answers may follow it.
    func expect(_ answer: [UInt8], isPrefix: Bool = false) throws {
        let what = String(decoding: answer, as: UTF8.self).debugDescription
        let bytes = try takeOnce(what)
        guard isPrefix ? bytes.starts(with: answer) : bytes == answer else {
            throw DialectAgencyError(expected: what, came: bytes)
        }
    }

    /// Expects the service to close without another byte.
    func expectEnd() throws {
        let bytes: [UInt8]
        do {
            bytes = try receiveToEnd()
        } catch {
            throw DialectAgencyError(expected: "the end", came: [], then: ", then \(error)")
        }
        guard bytes.isEmpty else { throw DialectAgencyError(expected: "the end", came: bytes) }
    }
}
