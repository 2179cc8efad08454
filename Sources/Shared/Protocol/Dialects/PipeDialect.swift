/// A length of four bytes, then text with pipes; bets, end and winners on one connection, or one for each.
///
/// The kind of a message is decided by its shape: `END`, `WIN` and `CON|agency` are whole messages, everything else is
/// bets, whatever their names contain.
///
/// Source: docs/dialects.md, "pipe".
package struct PipeDialect: Dialect, AgencyLanguage {
    package let name = "pipe"
    package let framing = Framing.counted(headerBytes: 4)

    package init() {}

    package func request(_ frame: [UInt8], today: Birthdate) -> DialectRequest {
        let text = frame.span
        let lines = text.lines(in: text.indices)
        if lines.count == 1 {
            let line = text.extracting(lines[0])
            if line.equals("END") { return .finish(nil) }
            if line.equals("WIN") { return .askDrawn }
            let fields = text.fields(in: lines[0], separatedBy: "|")
            if fields.count == 2, text.extracting(fields[0]).equals("CON"),
                let agency = agencyID(text.extracting(fields[1]))
            {
                return .consult(agency, .init(wait: .always))
            }
        }
        var builder = DialectChunkBuilder(today: today)
        for line in lines {
            let fields = text.fields(in: line, separatedBy: "|")
            if fields.count != 6 {
                builder.fault("\(fields.count) fields; 6 are expected, separated by |")
            } else if builder.name(text.extracting(fields[0])) {
                builder.append(.init(text, fields[1...]))
            }
        }
        return builder.request()
    }

    package func encode(_ reply: DialectReply, into bytes: inout [UInt8]) -> DialectReply.Next {
        switch reply {
        case .stored: frame("ACK\n", into: &bytes)
        case .rejected(let badBets, _): frame("REJECTED \(badBets)\n", into: &bytes)
        case .finished: frame("END ACK\n", into: &bytes)
        case .winners(let documents): frame(documents.joined(separator: "|") + "\n", into: &bytes)
        case .drawn(let isDrawn): frame(isDrawn ? "Y\n" : "N\n", into: &bytes)
        case .notDrawnYet, .echo: return .close  // nothing in this dialect asks for it
        }
        return .stay
    }

    // MARK: The agency's side

    package var separator: String? { "|" }
    package var abilities: Set<AgencyAbility> { Set(AgencyAbility.allCases) }

    package var nonsense: AgencyNonsense {
        AgencyNonsense(empty: framed(""), unknown: framed("HELLO\n"), header: [0xFF, 0xFF, 0xFF, 0xFF])
    }

    package func chunk(_ rows: [[String]], agency: String, isLast: Bool) -> [UInt8] {
        framed(rows.map { ([agency] + $0).joined(separator: "|") + "\n" }.joined())
    }

    package func finish(agency: String) -> [UInt8]? { framed("END\n") }

    package func consult(agency: String) -> [UInt8] { framed("CON|\(agency)") }

    package func reply(_ bytes: [UInt8], to question: AgencyQuestion) -> AgencyReading {
        guard bytes.count >= 4 else { return .needsBytes }
        let length = bytes[..<4].reduce(0) { $0 << 8 | Int($1) }
        guard bytes.count >= 4 + length else { return .needsBytes }
        guard length > 0, bytes[3 + length] == UInt8(ascii: "\n") else { return .invalid }
        let text = String(decoding: bytes[4..<3 + length], as: UTF8.self)
        let reply: DialectReply
        switch question {
        case _ where text.hasPrefix("REJECTED "):
            guard let badBets = Int(text.dropFirst(9)) else { return .invalid }
            reply = .rejected(badBets: badBets, reason: "")
        case .chunk where text == "ACK": reply = .stored(isLast: false)
        case .finish where text == "END ACK": reply = .finished
        case .consult: reply = .winners(text.split(separator: "|").map(String.init))
        case .greeting, .chunk, .finish: return .invalid
        }
        return .reply(reply, byteCount: 4 + length)
    }

    private func framed(_ text: String) -> [UInt8] {
        var bytes: [UInt8] = []
        frame(text, into: &bytes)
        return bytes
    }

    private func frame(_ text: String, into bytes: inout [UInt8]) {
        bytes.append(bigEndian: UInt32(text.utf8.count))
        bytes.append(contentsOf: text.utf8)
    }
}
