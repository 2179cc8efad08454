package import Domain
package import WireProtocol

/// A dialect of lines without a length, in which a message ends at its first empty line.
///
/// An empty field therefore ends its chunk early; the bytes that follow are taken as its rest
/// (``BadChunk/mayHaveRest``).
///
/// Source: docs/dialects.md, "lines".
package final class LinesDialect: Dialect {
    package let name = "lines"
    package let framing = Framing.newlines(2)

    private static let linesOfBet = 6

    package init() {}

    package func request(_ frame: [UInt8], today: Birthdate) -> DialectRequest {
        let text = frame.span
        // The last newline is the empty line's. A leading one is left over from an empty last field of the previous message.
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
        return .unknown(reason: "not a message; expected BET with six lines a bet, or CONFIRMATION or WINNERS with one")
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
            preconditionFailure("a fault was reported, but the chunk is valid")
        }
        bad.mayHaveRest = true
        return .badChunk(agency, bad)
    }

    package func encode(_ reply: DialectReply, into bytes: inout [UInt8]) {
        switch reply {
        case .stored: bytes += "Success :)\n\n".utf8
        case .rejected: bytes += "Error al recibir msg :(\n\n".utf8
        case .finished: bytes += "OK\n\n".utf8
        case .notDrawnYet, .drawn, .echo: break  // the dialect cannot express them
        }
    }

    package func next(after reply: DialectReply) -> DialectReply.Next {
        switch reply {
        case .stored, .rejected, .finished: .stay
        case .notDrawnYet, .drawn, .echo: .close
        }
    }

    package func winnersForm(count: UInt64, documentsBytes: Int, areIntegers: Bool) -> WinnersForm? {
        .joined(header: [], separator: UInt8(ascii: "\n"), trailer: Array("\n\n\n".utf8))
    }
}
