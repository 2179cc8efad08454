import Domain
import Ledger
import WireProtocol

/// Bets as rows of CSV.
struct BetRows {
    /// Whether a name that a spreadsheet would evaluate as a formula is prefixed with an apostrophe.
    var isSpreadsheetSafe = false
    private(set) var bytes: [UInt8] = []

    /// Appends a row for each bet; text is copied as bytes.
    mutating func append(_ columns: borrowing BetColumns, agency: AgencyID) {
        var cursor = BetTextCursor(columns)
        let prefix = Array("\(agency),".utf8)
        for bet in 0..<columns.count {
            let text = cursor.next(columns, bet: bet)
            bytes.append(contentsOf: prefix)
            append(name: columns.bytes.extracting(text.firstName))
            bytes.append(UInt8(ascii: ","))
            append(name: columns.bytes.extracting(text.lastName))
            bytes.append(UInt8(ascii: ","))
            append(field: columns.bytes.extracting(text.document))
            bytes.append(
                contentsOf: ",\(columns.birthdate(at: bet)),\(columns.number(at: bet))\r\n".utf8)
        }
    }

    /// Appends the bets of a record.
    ///
    /// - Throws: ``LedgerError/damaged(path:offset:reason:)`` if its bytes do not hold as many bets as it claims.
    mutating func append(
        _ record: LedgerReader.Record, of reader: borrowing LedgerReader, path: String
    ) throws(LedgerError) {
        let fault = reader.withPayload(of: record) { payload -> ChunkFault? in
            let columns = BetColumns(payload, count: record.header.count)
            do throws(ChunkFault) {
                try columns.checkLayout()
            } catch {
                return error
            }
            append(columns, agency: record.header.agency)
            return nil
        }
        if let fault { throw .damaged(path: path, offset: record.offset, reason: "\(fault)") }
    }

    mutating func take() -> [UInt8] {
        defer { bytes.removeAll(keepingCapacity: true) }
        return bytes
    }

    private mutating func append(name: Span<UInt8>) {
        guard isSpreadsheetSafe, name.count > 0, Self.formulaStarts.contains(name[0]) else {
            append(field: name)
            return
        }
        let safe = [UInt8(ascii: "'")] + name.withUnsafeBufferPointer { Array($0) }
        append(field: safe.span)
    }

    private static let formulaStarts = Array("=+-@\t\r".utf8)

    /// Appends a field, quoted as in RFC 4180.
    private mutating func append(field: Span<UInt8>) {
        var needsQuotes = false
        for index in field.indices {
            switch field[index] {
            case UInt8(ascii: ","), UInt8(ascii: "\""), UInt8(ascii: "\r"), UInt8(ascii: "\n"):
                needsQuotes = true
            default: break
            }
        }
        guard needsQuotes else {
            field.withUnsafeBufferPointer { bytes.append(contentsOf: $0) }
            return
        }
        bytes.append(UInt8(ascii: "\""))
        for index in field.indices {
            if field[index] == UInt8(ascii: "\"") { bytes.append(UInt8(ascii: "\"")) }
            bytes.append(field[index])
        }
        bytes.append(UInt8(ascii: "\""))
    }
}
