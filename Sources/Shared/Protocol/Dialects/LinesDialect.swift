/// Lines without a length: a message ends at its first empty line.
///
/// So an empty field ends its chunk early; what follows is taken for the rest of it (``BadChunk/mayHaveRest``).
///
/// Source: docs/dialects.md, "lines".
package final class LinesDialect: Dialect, AgencyLanguage {
    package let name = "lines"
    package let framing = Framing.newlines(2)

    private static let linesOfBet = 6

    package init() {}

    package func request(_ frame: [UInt8], today: Birthdate) -> DialectRequest {
        let text = frame.span
        // The last newline is the empty line's. One in front is what an empty last field of the message before left over.
        let start = text.count > 2 && text[0] == UInt8(ascii: "\n") ? 1 : 0
        var lines = LineCursor(start..<max(start, text.count - 1))
        guard let first = lines.next(text) else {
            return .unknown(reason: "an empty message; BET, CONFIRMATION or WINNERS is expected")
        }
        let kind = text.extracting(first)
        if kind.equals("BET") { return chunk(text, bets: lines, today: today) }
        let second = lines.next(text)
        let agency = lines.next(text) == nil ? second.flatMap { agencyID(text.extracting($0)) } : nil
        if let agency, kind.equals("CONFIRMATION") { return .finish(agency) }
        if let agency, kind.equals("WINNERS") { return .consult(agency, .init(wait: .afterFinish)) }
        return .unknown(reason: "no message; BET with six lines a bet, CONFIRMATION or WINNERS with one is expected")
    }

    private func chunk(
        _ text: borrowing Span<UInt8>, bets: LineCursor, today: Birthdate
    ) -> DialectRequest {
        var builder = DialectChunkBuilder(today: today)
        var lines = bets
        var bet = TextFields()
        while let line = lines.next(copy text) {
            bet.append(line)
            guard bet.count == Self.linesOfBet else { continue }
            if builder.name(text.extracting(bet.ranges[0])) { builder.append(.init(copy text, bet, from: 1)) }
            bet = TextFields()
        }
        guard bet.count > 0 else { return builder.request() }
        _ = builder.name(text.extracting(bet.ranges[0]))
        builder.fault("\(bet.count) lines; 6 are expected, none of them empty")
        guard case .badChunk(let agency, var bad) = builder.request() else {
            preconditionFailure("a fault was reported and the chunk is good")
        }
        bad.mayHaveRest = true
        return .badChunk(agency, bad)
    }

    package func encode(_ reply: DialectReply, into bytes: inout [UInt8]) -> DialectReply.Next {
        switch reply {
        case .stored:
            bytes.append(contentsOf: "Success :)\n\n".utf8)
            return .stay
        case .rejected:
            bytes.append(contentsOf: "Error al recibir msg :(\n\n".utf8)
            return .stay
        case .finished:
            bytes.append(contentsOf: "OK\n\n".utf8)
            return .stay
        case .winners(let documents):
            _ = encode(winners: documents, into: &bytes)
            return nextAfterWinners
        case .notDrawnYet, .drawn, .echo:
            return .close
        }
    }

    package func winnersForm(count: UInt64, documentsBytes: Int, areIntegers: Bool) -> WinnersForm? {
        .joined(header: [], separator: UInt8(ascii: "\n"), trailer: Array("\n\n\n".utf8))
    }

    // MARK: The agency's side

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
        // Every answer is ASCII; text that has to be repaired would have other positions than its bytes.
        guard bytes.allSatisfy({ $0 < 0x80 }) else { return .invalid }
        let text = String(decoding: bytes, as: UTF8.self)
        let failure = "Error al recibir msg :(\n\n"
        let wanted: (text: String, reply: DialectReply)
        switch question {
        case _ where text.hasPrefix(failure): wanted = (failure, .rejected(badBets: 0, reason: ""))
        case .chunk: wanted = ("Success :)\n\n", .stored(isLast: false))
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
