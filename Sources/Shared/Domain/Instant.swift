/// A moment of the server's clock, in UTC.
package struct Instant: Hashable, Comparable, Sendable, CustomStringConvertible {
    /// Milliseconds since 1970.
    package var milliseconds: UInt64

    package init(milliseconds: UInt64) {
        self.milliseconds = milliseconds
    }

    /// Reads RFC 3339 in UTC, exactly as ``description`` writes it; nil for other text.
    package init?(_ text: String) {
        let digits = text.utf8.map { 0x30...0x39 ~= $0 ? Int($0) - 0x30 : -1 }
        guard digits.count == 24 else { return nil }
        func number(_ range: Range<Int>) -> Int { digits[range].reduce(0) { $0 * 10 + max(0, $1) } }
        let date = Birthdate(packed: UInt32(number(0..<4) * 10_000 + number(5..<7) * 100 + number(8..<10)))
        guard let days = date.daysSince1970, days >= 0 else { return nil }
        let seconds = ((days * 24 + number(11..<13)) * 60 + number(14..<16)) * 60 + number(17..<19)
        milliseconds = UInt64(seconds * 1000 + number(20..<23))
        guard description == text else { return nil }
    }

    /// RFC 3339 in UTC with milliseconds: `2026-12-24T21:50:00.000Z`.
    package var description: String {
        func padded(_ value: UInt64, _ width: Int) -> String {
            let digits = String(value)
            return String(repeating: "0", count: max(0, width - digits.count)) + digits
        }
        let (seconds, fraction) = milliseconds.quotientAndRemainder(dividingBy: 1000)
        let time = [seconds / 3600 % 24, seconds / 60 % 60, seconds % 60].map { padded($0, 2) }.joined(separator: ":")
        return "\(Birthdate(unixMilliseconds: milliseconds))T\(time).\(padded(fraction, 3))Z"
    }

    package static func < (left: Instant, right: Instant) -> Bool { left.milliseconds < right.milliseconds }
}

extension Instant: Codable {
    package init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        guard let instant = Instant(try container.decode(String.self)) else {
            throw DecodingError.dataCorruptedError(in: container, debugDescription: "not a moment in UTC")
        }
        self = instant
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(description)
    }
}
