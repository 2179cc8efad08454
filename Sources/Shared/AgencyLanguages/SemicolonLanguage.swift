/// The agency's side of ``SemicolonDialect``.
package struct SemicolonLanguage: AgencyLanguage {
    package let name = "semicolon"

    package let hasWinnersPort = false
    package let isOneMessagePerConnection = false
    package let rejectionCloses = false

    package init() {}

    package var separator: String? { ";" }
    package var abilities: Set<AgencyAbility> { Set(AgencyAbility.allCases) }

    package var nonsense: AgencyNonsense {
        AgencyNonsense(empty: framed(""), unknown: framed("HELLO"), header: Array("GARBAGE!GARBAGE!".utf8))
    }

    package func chunk(_ rows: [[String]], agency: String, isLast: Bool) -> [UInt8] {
        let lines = ["\(agency);\(rows.count)"] + rows.map { $0.joined(separator: ";") }
        return framed(lines.map { $0 + "\n" }.joined())
    }

    package func finish(agency: String) -> [UInt8]? { nil }

    package func consult(agency: String) -> [UInt8] { framed("END") }

    package func reply(_ bytes: [UInt8], to question: AgencyQuestion) -> AgencyReading {
        guard bytes.count >= 8 else { return .needsBytes }
        guard let length = Int(String(decoding: bytes[..<8], as: UTF8.self)), length >= 0 else { return .invalid }
        guard bytes.count >= 8 + length else { return .needsBytes }
        let text = String(decoding: bytes[8..<8 + length], as: UTF8.self)
        switch question {
        case .chunk where text.hasPrefix("success;"):
            return .reply(.stored, byteCount: 8 + length)
        case _ where text.hasPrefix("error;"):
            return .reply(.rejected(badBets: 0, reason: String(text.dropFirst(6))), byteCount: 8 + length)
        case .consult:
            let documents = text == "NO_WINNERS" ? [] : text.split(separator: ";").map(String.init)
            return .reply(.winners(documents), byteCount: 8 + length)
        case .greeting, .chunk, .finish:
            return .invalid
        }
    }

    private func framed(_ text: String) -> [UInt8] {
        let digits = String(text.utf8.count)
        return Array((String(repeating: "0", count: max(0, 8 - digits.utf8.count)) + digits + text).utf8)
    }
}
