package import Domain
package import WireProtocol

/// A dialect of text with pipes after a length of four bytes; bets, end and winners on one connection, or one for each.
///
/// The shape of a message decides its kind: `END`, `WIN` and `CON|agency` are whole messages; everything else is bets,
/// whatever their names contain.
///
/// Source: docs/dialects.md, "pipe".
package final class PipeDialect: Dialect {
    package let name = "pipe"
    package let framing = Framing.counted(headerBytes: 4)

    package init() {}

    package func request(_ frame: [UInt8], today: Birthdate) -> DialectRequest {
        let text = frame.span
        var lines = LineCursor(text.indices)
        if let first = lines.next(text), lines.next(text) == nil {
            let line = text.extracting(first)
            if line.equals("END") { return .finish(nil) }
            if line.equals("WIN") { return .askDrawn }
            let fields = text.fields(in: first, separatedBy: "|")
            if fields.count == 2, text.extracting(fields.ranges[0]).equals("CON"),
                let agency = agencyID(text.extracting(fields.ranges[1]))
            {
                return .consult(agency, .init(wait: .always))
            }
        }
        var builder = DialectChunkBuilder(today: today)
        lines = LineCursor(text.indices)
        while let line = lines.next(text) {
            let fields = text.fields(in: line, separatedBy: "|")
            if fields.count != 6 {
                builder.fault("\(fields.count) fields; 6 are expected, separated by pipes")
            } else if builder.name(text.extracting(fields.ranges[0])) {
                builder.append(.init(text, fields, from: 1))
            }
        }
        return builder.request()
    }

    /// Whether the last number may have been cut short.
    ///
    /// The last line may lack its newline, so a length that counts characters instead of bytes can cut the last number
    /// short and leave a valid one. The rest then follows at once and cannot be the start of a message.
    package func mayBeCutShort(_ frame: [UInt8]) -> Bool {
        guard frame.last.map({ $0 != UInt8(ascii: "\n") }) == true, frame.contains(where: { $0 >= 0x80 }),
            let separator = frame.lastIndex(of: UInt8(ascii: "|"))
        else { return false }
        let number = frame[(separator + 1)...]
        // No agency pads a number to five digits, so a number of four is complete.
        return number.count < 4 || number.first == UInt8(ascii: "0")
    }

    package func encode(_ reply: DialectReply, into bytes: inout [UInt8]) {
        switch reply {
        case .stored: bytes.append(counted: "ACK\n")
        case .rejected(let badBets, _): bytes.append(counted: "REJECTED \(badBets)\n")
        case .finished: bytes.append(counted: "END ACK\n")
        case .drawn(let isDrawn): bytes.append(counted: isDrawn ? "Y\n" : "N\n")
        case .notDrawnYet, .echo: break  // no message of this dialect asks for it
        }
    }

    package func next(after reply: DialectReply) -> DialectReply.Next {
        switch reply {
        case .stored, .rejected, .finished, .drawn: .stay
        case .notDrawnYet, .echo: .close
        }
    }

    package var nextAfterWinners: DialectReply.Next { .stay }

    package func winnersForm(count: UInt64, documentsBytes: Int, areIntegers: Bool) -> WinnersForm? {
        let length = 1 + WinnersForm.joinedBytes(count: count, documentsBytes: documentsBytes)
        guard let length = UInt32(exactly: length) else { return nil }
        var header: [UInt8] = []
        header.append(bigEndian: length)
        return .joined(header: header, separator: UInt8(ascii: "|"), trailer: Array("\n".utf8))
    }
}
