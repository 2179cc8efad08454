/// The agency's side of ``LinesDialect``.
package struct LinesLanguage: AgencyLanguage {
    package let name = "lines"

    package let hasWinnersPort = false
    package let isOneMessagePerConnection = false
    package let rejectionCloses = false

    package init() {}

    package var separator: String? { "\n" }
    package var abilities: Set<AgencyAbility> { Set(AgencyAbility.allCases) }

    package var nonsense: AgencyNonsense {
        AgencyNonsense(empty: Array("\n\n".utf8), unknown: Array("HELLO\n1\n\n".utf8), header: nil)
    }

    package func chunk(_ rows: [[String]], agency: String, isLast: Bool) -> [UInt8] {
        let lines = rows.flatMap { [agency] + $0 }
        return Array((["BET"] + lines + [""]).map { $0 + "\n" }.joined().utf8)
    }

    package func finish(agency: String) -> [UInt8]? { Array("CONFIRMATION\n\(agency)\n\n".utf8) }

    package func consult(agency: String) -> [UInt8] { Array("WINNERS\n\(agency)\n\n".utf8) }

    package func reply(_ bytes: [UInt8], to question: AgencyQuestion) -> AgencyReading {
        // Every answer is ASCII. Text repaired to valid UTF-8 would have other positions than the bytes.
        guard bytes.allSatisfy({ $0 < 0x80 }) else { return .invalid }
        let text = String(decoding: bytes, as: UTF8.self)
        let failure = "Error al recibir msg :(\n\n"
        let wanted: (text: String, reply: AgencyReply)
        switch question {
        case _ where text.hasPrefix(failure): wanted = (failure, .rejected(badBets: 0, reason: ""))
        case .chunk: wanted = ("Success :)\n\n", .stored)
        case .greeting: return .invalid
        case .finish: wanted = ("OK\n\n", .finished)
        case .consult:
            guard let end = text.firstRange(of: "\n\n\n") else { return .needsBytes }
            let documents = text[..<end.lowerBound].split(separator: "\n").map(String.init)
            return .reply(.winners(documents), byteCount: text[..<end.upperBound].utf8.count)
        }
        if text.hasPrefix(wanted.text) { return .reply(wanted.reply, byteCount: wanted.text.utf8.count) }
        return wanted.text.hasPrefix(text) || failure.hasPrefix(text) ? .needsBytes : .invalid
    }
}
