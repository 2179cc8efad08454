extension BetRules {
    /// Reads `yyyy-mm-dd`, which need not exist.
    package static func birthdate(_ bytes: Span<UInt8>) throws(BetFault) -> Birthdate {
        guard bytes.count == 10, bytes[4] == UInt8(ascii: "-"), bytes[7] == UInt8(ascii: "-") else {
            throw .birthdateFormat
        }
        var (packed, highest): (UInt32, UInt8) = (0, 0)
        for index in 0..<10 where index != 4 && index != 7 {
            let digit = bytes[index] &- UInt8(ascii: "0")
            highest = max(highest, digit)
            packed = packed &* 10 &+ UInt32(digit)
        }
        guard highest < 10 else { throw .birthdateFormat }
        return Birthdate(packed: packed)
    }

    /// Reads 0 … 9999; leading zeros are ignored: `0007` is 7.
    package static func number(_ bytes: Span<UInt8>) throws(BetFault) -> UInt16 {
        guard (1...20).contains(bytes.count) else { throw .numberFormat }
        var number: UInt32 = 0
        for index in bytes.indices {
            let digit = bytes[index] &- UInt8(ascii: "0")
            guard digit < 10 else { throw .numberFormat }
            number = min(number * 10 + UInt32(digit), 1_000_000)
        }
        try check(number: number)
        return UInt16(number)
    }
}
