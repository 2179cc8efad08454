import FuzzKit

/// A plain second parser for the chunks of a dialect: docs/dialects.md without its rules for errors.
struct Grammar {
    /// A chunk as in its message.
    struct Rows {
        var agency: UInt32?
        /// First name, last name, document, birthdate and number of each bet.
        var rows: [[[UInt8]]] = []
    }

    let name: String

    /// Whether the grammar covers the dialect; JSON is left to its library.
    var isKnown: Bool { ["semicolon", "lines", "tlv", "pipe"].contains(name) }

    /// Returns the bets, valid or not, of a message that is a chunk of well-formed rows; nil for any other message.
    func rows(_ frame: [UInt8]) -> Rows? {
        switch name {
        case "semicolon": semicolon(frame)
        case "lines": lines(frame)
        case "pipe": pipe(frame)
        default: tlv(frame)
        }
    }

    private func semicolon(_ frame: [UInt8]) -> Rows? {
        let lines = text(frame)
        // Without its last newline the message may have been cut short.
        guard frame.last == 10, let head = lines.first.map({ split($0, 59) }), head.count == 2,
            let agency = number(head[0]), number(head[1]) == UInt32(lines.count - 1)
        else { return nil }
        let rows = lines.dropFirst().map { split($0, 59) }
        return rows.allSatisfy { $0.count == 5 } ? Rows(agency: agency, rows: rows) : nil
    }

    private func pipe(_ frame: [UInt8]) -> Rows? {
        let rows = text(frame).map { split($0, 124) }
        return rows.allSatisfy { $0.count == 6 } ? ofOneAgency(rows) : nil
    }

    private func lines(_ frame: [UInt8]) -> Rows? {
        var body = frame[...]
        if body.count > 2, body.first == 10 { body = body.dropFirst() }
        let lines = text(Array(body.dropLast()))
        guard lines.first == Array("BET".utf8), lines.count % 6 == 1 else { return nil }
        return ofOneAgency(stride(from: 1, to: lines.count, by: 6).map { Array(lines[$0..<$0 + 6]) })
    }

    private func tlv(_ frame: [UInt8]) -> Rows? {
        guard frame.count >= 9, frame[0] == 1 else { return nil }
        var found = Rows(agency: UInt32(big(frame[5..<9])))
        var rest = frame[9...]
        while !rest.isEmpty {
            guard rest.count >= 4 else { return nil }
            var bet = rest.dropFirst(4).prefix(big(rest.prefix(4)))
            guard bet.count == big(rest.prefix(4)) else { return nil }
            rest = rest.dropFirst(4 + bet.count)
            var row: [[UInt8]] = []
            for tag in 1...5 {
                guard bet.count >= 3, bet.first == UInt8(tag) else { return nil }
                let value = bet.dropFirst(3).prefix(big(bet.dropFirst().prefix(2)))
                guard value.count == big(bet.dropFirst().prefix(2)) else { return nil }
                row.append(Array(value))
                bet = bet.dropFirst(3 + value.count)
            }
            guard bet.isEmpty else { return nil }
            found.rows.append(row)
        }
        return found
    }

    /// Reads rows that all begin with the same agency.
    private func ofOneAgency(_ rows: [[[UInt8]]]) -> Rows? {
        let agencies = Set(rows.map { number($0[0]) })
        guard agencies.count <= 1, !agencies.contains(nil) else { return nil }
        return Rows(agency: agencies.first ?? nil, rows: rows.map { Array($0.dropFirst()) })
    }

    /// Splits bytes into lines; the last one may lack its newline.
    private func text(_ bytes: [UInt8]) -> [[UInt8]] {
        let lines = split(bytes, 10)
        return lines.last == [] ? Array(lines.dropLast()) : lines
    }

    private func split(_ bytes: [UInt8], _ separator: UInt8) -> [[UInt8]] {
        bytes.split(separator: separator, omittingEmptySubsequences: false).map { Array($0) }
    }

    private func number(_ bytes: [UInt8]) -> UInt32? {
        guard (1...10).contains(bytes.count), bytes.allSatisfy({ (48...57).contains($0) }) else { return nil }
        return UInt32(String(decoding: bytes, as: UTF8.self))
    }

    private func big(_ bytes: ArraySlice<UInt8>) -> Int {
        bytes.reduce(0) { $0 << 8 | Int($1) }
    }
}
