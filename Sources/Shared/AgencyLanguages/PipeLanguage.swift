import WireProtocol

/// The agency's side of ``PipeDialect``.
package struct PipeLanguage: AgencyLanguage {
    package let name = "pipe"

    package let hasWinnersPort = false
    package let isOneMessagePerConnection = false
    package let rejectionCloses = false

    package init() {}

    package var separator: String? { "|" }
    package var abilities: Set<AgencyAbility> { Set(AgencyAbility.allCases) }

    package var nonsense: AgencyNonsense {
        AgencyNonsense(
            empty: [UInt8](counted: ""), unknown: [UInt8](counted: "HELLO\n"), header: [0xFF, 0xFF, 0xFF, 0xFF])
    }

    package func chunk(_ rows: [[String]], agency: String, isLast: Bool) -> [UInt8] {
        [UInt8](counted: rows.map { ([agency] + $0).joined(separator: "|") + "\n" }.joined())
    }

    package func finish(agency: String) -> [UInt8]? { [UInt8](counted: "END\n") }

    package func consult(agency: String) -> [UInt8] { [UInt8](counted: "CON|\(agency)") }

    package func reply(_ bytes: [UInt8], to question: AgencyQuestion) -> AgencyReading {
        guard let range = bytes.countedRange else { return .needsBytes }
        guard bytes[range].last == UInt8(ascii: "\n") else { return .invalid }
        let text = String(decoding: bytes[range].dropLast(), as: UTF8.self)
        let reply: AgencyReply
        switch question {
        case _ where text.hasPrefix("REJECTED "):
            guard let badBets = Int(text.dropFirst(9)) else { return .invalid }
            reply = .rejected(badBets: badBets, reason: "")
        case .chunk where text == "ACK": reply = .stored
        case .finish where text == "END ACK": reply = .finished
        case .consult: reply = .winners(text.split(separator: "|").map(String.init))
        case .greeting, .chunk, .finish: return .invalid
        }
        return .reply(reply, byteCount: range.upperBound)
    }
}
