package import Domain

/// The bets of a chunk by column, as they are sent and stored.
///
/// The columns are `numbers u16 × count`, `birthdates u32 × count`, `firstNameLengths u8 × count`,
/// `lastNameLengths u8 × count`, `documentLengths u8 × count`, then the first names, the last names and the documents,
/// each concatenated. Integers are big-endian.
///
/// Source: docs/protocol.md, "Bets by column".
package struct BetColumns: ~Escapable {
    package let bytes: Span<UInt8>
    package let count: Int

    /// Wraps bytes claimed to hold `count` bets, which are unvalidated until ``check(today:)`` succeeds.
    @_lifetime(copy bytes)
    package init(_ bytes: Span<UInt8>, count: Int) {
        self.bytes = bytes
        self.count = count
    }

    var textIndex: Int { Limits.fixedBetBytes * count }

    /// Returns the number of a bet, 0 … 9999 once validated.
    ///
    /// - Precondition: the fixed columns are complete, as `check` verifies.
    package func number(at bet: Int) -> UInt16 {
        UInt16(
            bigEndian: bytes.bytes.unsafeLoadUnaligned(fromByteOffset: 2 * bet, as: UInt16.self))
    }

    package func birthdate(at bet: Int) -> Birthdate {
        let offset = 2 * count + 4 * bet
        return Birthdate(
            packed: UInt32(
                bigEndian: bytes.bytes.unsafeLoadUnaligned(fromByteOffset: offset, as: UInt32.self))
        )
    }

    func firstNameBytes(at bet: Int) -> Int { Int(bytes[6 * count + bet]) }
    func lastNameBytes(at bet: Int) -> Int { Int(bytes[7 * count + bet]) }
    func documentBytes(at bet: Int) -> Int { Int(bytes[8 * count + bet]) }
}

/// The byte ranges of one bet's text.
package struct BetText: Equatable, Sendable {
    package var firstName: Range<Int>
    package var lastName: Range<Int>
    package var document: Range<Int>
}

/// An iterator over the text of a chunk's bets, from the first to the last.
package struct BetTextCursor: Sendable {
    private var firstName: Int
    private var lastName: Int
    private var document: Int

    /// - Precondition: the columns are validated: their lengths add up to their bytes.
    package init(_ columns: borrowing BetColumns) {
        var firstNamesBytes = 0
        var lastNamesBytes = 0
        for bet in 0..<columns.count {
            firstNamesBytes += columns.firstNameBytes(at: bet)
            lastNamesBytes += columns.lastNameBytes(at: bet)
        }
        firstName = columns.textIndex
        lastName = firstName + firstNamesBytes
        document = lastName + lastNamesBytes
    }

    /// Returns a bet's text; call it for 0, 1, 2 … in order.
    package mutating func next(_ columns: borrowing BetColumns, bet: Int) -> BetText {
        let text = BetText(
            firstName: firstName..<firstName + columns.firstNameBytes(at: bet),
            lastName: lastName..<lastName + columns.lastNameBytes(at: bet),
            document: document..<document + columns.documentBytes(at: bet))
        firstName = text.firstName.upperBound
        lastName = text.lastName.upperBound
        document = text.document.upperBound
        return text
    }
}

extension BetColumns {
    /// Every bet as text; too slow for the path of a chunk.
    ///
    /// - Precondition: the columns are validated.
    package var bets: [Bet] {
        var cursor = BetTextCursor(self)
        var bets: [Bet] = []
        for bet in 0..<count {
            let text = cursor.next(self, bet: bet)
            bets.append(
                Bet(
                    firstName: string(text.firstName), lastName: string(text.lastName),
                    document: string(text.document), birthdate: birthdate(at: bet),
                    number: number(at: bet)))
        }
        return bets
    }

    /// Decodes a range of ``bytes``.
    package func string(_ range: Range<Int>) -> String {
        bytes.extracting(range).withUnsafeBufferPointer { String(decoding: $0, as: UTF8.self) }
    }
}
