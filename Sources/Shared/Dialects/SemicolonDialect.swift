package import Domain
package import WireProtocol

/// A dialect of text with semicolons after a length of eight decimal digits; bets, end and winners on one connection.
///
/// Source: docs/dialects.md, "semicolon".
package final class SemicolonDialect: Dialect {
    package let name = "semicolon"

    package let framing = Framing.counted(headerBytes: 8) { header in
        var length = 0
        for shift in stride(from: 56, through: 0, by: -8) {
            let digit = Int(header >> UInt64(shift) & 0xFF) - 0x30
            guard (0...9).contains(digit) else { return nil }
            length = length * 10 + digit
        }
        return length
    }

    package init() {}

    package func request(_ frame: [UInt8], today: Birthdate) -> DialectRequest {
        let text = frame.span
        if text.equals("END") { return .consult(nil, .init(finishes: true, wait: .always)) }
        var builder = DialectChunkBuilder(today: today)
        var lines = LineCursor(text.indices)
        let head = text.fields(in: lines.next(text) ?? 0..<0, separatedBy: ";")
        guard head.count == 2, builder.name(text.extracting(head.ranges[0])),
            let count = agencyID(text.extracting(head.ranges[1]))?.rawValue
        else {
            return builder.request(reason: "the first line is not agency;count")
        }
        var found = 0
        while let line = lines.next(text) {
            found += 1
            let fields = text.fields(in: line, separatedBy: ";")
            if fields.count == 5 {
                builder.append(.init(text, fields))
            } else {
                builder.fault("\(fields.count) fields; 5 are expected, separated by semicolons")
            }
        }
        if text[text.count - 1] != UInt8(ascii: "\n") {
            return builder.request(
                reason: "the last line has no newline: the length must count bytes, not characters")
        }
        return builder.request(
            reason: count == found ? nil : "the first line says \(count) bets and \(found) follow")
    }

    package func encode(_ reply: DialectReply, into bytes: inout [UInt8]) {
        switch reply {
        case .stored: bytes += framed("success;Batch stored successfully.")
        case .rejected(_, let reason): bytes += framed("error;" + reason)
        case .finished, .notDrawnYet, .drawn, .echo: break  // no message of this dialect asks for it
        }
    }

    package func next(after reply: DialectReply) -> DialectReply.Next {
        switch reply {
        case .stored, .rejected: .stay
        case .finished, .notDrawnYet, .drawn, .echo: .close
        }
    }

    package func winnersForm(count: UInt64, documentsBytes: Int, areIntegers: Bool) -> WinnersForm? {
        let joinedBytes = WinnersForm.joinedBytes(count: count, documentsBytes: documentsBytes)
        guard joinedBytes <= 99_999_999 else { return nil }  // the length has eight digits
        if count == 0 { return .joined(header: framed("NO_WINNERS"), separator: 0, trailer: []) }
        return .joined(header: header(joinedBytes), separator: UInt8(ascii: ";"), trailer: [])
    }

    private func framed(_ text: String) -> [UInt8] { header(text.utf8.count) + Array(text.utf8) }

    private func header(_ length: Int) -> [UInt8] {
        let digits = String(length)
        return Array((String(repeating: "0", count: max(0, 8 - digits.utf8.count)) + digits).utf8)
    }
}
