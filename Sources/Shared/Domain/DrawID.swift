/// The name of a draw and of its folder: 1 … 64 characters of `a-z A-Z 0-9 - _`.
package struct DrawID: Hashable, Sendable, Codable, CustomStringConvertible {
    package let name: String

    /// Returns nil for any other name.
    package init?(_ name: String) {
        let allowed = name.utf8.allSatisfy { byte in
            isASCIILetterOrDigit(byte) || byte == UInt8(ascii: "-") || byte == UInt8(ascii: "_")
        }
        guard allowed, (1...Limits.maxDrawNameBytes).contains(name.utf8.count) else { return nil }
        self.name = name
    }

    package var description: String { name }

    package init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        guard let draw = DrawID(try container.decode(String.self)) else {
            throw DecodingError.dataCorruptedError(
                in: container, debugDescription: "not a valid name of a draw")
        }
        self = draw
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(name)
    }
}

/// Whether a byte is one of `0-9 A-Z a-z`.
@inline(__always)
package func isASCIILetterOrDigit(_ byte: UInt8) -> Bool {
    byte &- 0x30 < 10 || (byte | 0x20) &- 0x61 < 26
}
