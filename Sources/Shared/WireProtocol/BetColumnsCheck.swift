package import Domain

/// The reason a chunk is rejected.
package enum ChunkFault: Error, Equatable, Sendable {
    /// The columns do not add up to the chunk's length.
    case columns(expectedBytes: Int, foundBytes: Int)
    /// The chunk is empty, and only a last chunk may be.
    case noBets
    /// `index` counts from 0.
    case bet(index: Int, BetFault)
}

extension ChunkFault: CustomStringConvertible {
    package var description: String {
        switch self {
        case .columns(let expected, let found):
            "the bets' columns need \(expected) bytes and the chunk has \(found)"
        case .noBets:
            "the chunk holds no bets; only a last chunk may be empty"
        case .bet(let index, let fault):
            "bet \(index): \(fault)"
        }
    }

    /// The code and bet index that CHUNK_REJECTED carries.
    package var rejection: (code: RejectionCode, betIndex: UInt16) {
        switch self {
        case .columns, .noBets: (.malformedChunk, 0)
        case .bet(let index, _): (.invalidBet, UInt16(index))
        }
    }
}

extension BetColumns {
    /// Checks every field of every bet.
    ///
    /// Scans whole columns first, about 20 bytes of work a bet. Only if a scan finds a fault are the bets checked one by
    /// one, to name the first fault. Complexity: linear in the bytes.
    ///
    /// - Parameter today: birthdates after it are in the future.
    package borrowing func check(today: Birthdate) throws(ChunkFault) {
        let namesBytes = try checkLayout()
        if areNumbersValid && areBirthdatesValid(today: today) && areLengthsValid
            && areNamesValid(namesBytes: namesBytes)
            && areDocumentsValid(from: textIndex + namesBytes)
        {
            return
        }
        try checkOneByOne(today: today)
    }

    /// Checks that the columns add up to the chunk's bytes, which every later step relies on.
    ///
    /// - Returns: the size of all names in bytes.
    @discardableResult
    package borrowing func checkLayout() throws(ChunkFault) -> Int {
        guard textIndex <= bytes.count else {
            throw .columns(expectedBytes: textIndex, foundBytes: bytes.count)
        }
        let firstNamesBytes = sum(6 * count..<7 * count)
        let lastNamesBytes = sum(7 * count..<8 * count)
        let documentsBytes = sum(8 * count..<9 * count)
        let expectedBytes = textIndex + firstNamesBytes + lastNamesBytes + documentsBytes
        guard expectedBytes == bytes.count else {
            throw .columns(expectedBytes: expectedBytes, foundBytes: bytes.count)
        }
        return firstNamesBytes + lastNamesBytes
    }

    // The scans below have no branches and no index checks, so that the compiler vectorizes them. `checkLayout` has
    // verified that the bytes they read are in the chunk.

    func sum(_ range: Range<Int>) -> Int {
        let lengths = bytes.extracting(range)
        var sum: UInt32 = 0  // at most 65,535 lengths of one byte
        for index in lengths.indices { sum &+= UInt32(lengths[unchecked: index]) }
        return Int(sum)
    }

    private var areNumbersValid: Bool {
        var highest: UInt16 = 0
        let column = bytes.bytes.extracting(0..<2 * count)
        for bet in 0..<count {
            // In range: the column has 2 bytes for each bet.
            highest = max(
                highest,
                UInt16(bigEndian: column.unsafeLoadUnaligned(fromUncheckedByteOffset: 2 &* bet, as: UInt16.self)))
        }
        return highest <= Limits.maxNumber
    }

    private borrowing func areBirthdatesValid(today: Birthdate) -> Bool {
        let days = CalendarDays.kinds.span
        let column = bytes.bytes.extracting(2 * count..<6 * count)
        var kinds = CalendarDays.exists | CalendarDays.everyYear
        var (first, last) = (today.packed, Limits.minBirthdate.packed)
        for bet in 0..<count {
            // In range: the column has 4 bytes for each bet.
            let birthdate = UInt32(
                bigEndian: column.unsafeLoadUnaligned(fromUncheckedByteOffset: 4 &* bet, as: UInt32.self))
            first = min(first, birthdate)
            last = max(last, birthdate)
            // In range: the table has 10,000 entries, and the remainder is below that.
            kinds &= days[unchecked: Int(birthdate % 10_000)]
        }
        guard kinds & CalendarDays.exists != 0, first >= Limits.minBirthdate.packed, last <= today.packed else {
            return false
        }
        if kinds & CalendarDays.everyYear != 0 { return true }
        for bet in 0..<count where !birthdate(at: bet).isCalendarDate { return false }
        return true
    }

    private var areLengthsValid: Bool {
        let names = bytes.extracting(6 * count..<8 * count)
        let documents = bytes.extracting(8 * count..<9 * count)
        var (shortest, longestDocument) = (UInt8.max, UInt8.min)
        for index in names.indices { shortest = min(shortest, names[unchecked: index]) }
        for index in documents.indices {
            shortest = min(shortest, documents[unchecked: index])
            longestDocument = max(longestDocument, documents[unchecked: index])
        }
        return shortest > 0 && longestDocument <= Limits.maxDocumentBytes
    }

    /// Whether all names together are UTF-8 and none begins inside a character.
    private borrowing func areNamesValid(namesBytes: Int) -> Bool {
        let names = bytes.extracting(textIndex..<textIndex + namesBytes)
        if BetRules.hasControlCharacter(names) { return false }
        var union: UInt8 = 0
        for index in names.indices { union |= names[unchecked: index] }
        if union < 0x80 { return true }
        guard (try? UTF8Span(validating: names)) != nil else { return false }
        var start = 0
        for index in 6 * count..<8 * count {
            if start < names.count, names[start] & 0xC0 == 0x80 { return false }
            start += Int(bytes[index])
        }
        return true
    }

    private borrowing func areDocumentsValid(from start: Int) -> Bool {
        let documents = bytes.extracting(start..<bytes.count)
        var highestDigit: UInt8 = 0
        for index in documents.indices { highestDigit = max(highestDigit, documents[unchecked: index] &- 0x30) }
        return highestDigit <= 9 || areLettersAndDigits(documents)
    }

    private func areLettersAndDigits(_ documents: Span<UInt8>) -> Bool {
        var index = 0
        // Eight bytes at a time. For bytes below 0x80 no sum carries into the next byte, and its highest bit says whether
        // the byte is at least the bound.
        let ones: UInt64 = 0x0101_0101_0101_0101
        let highest = ones &* 0x80
        while index + 8 <= documents.count {
            // In range: the loop's condition ensures 8 bytes.
            let text = documents.bytes.unsafeLoadUnaligned(fromUncheckedByteOffset: index, as: UInt64.self)
            index += 8
            let lowercase = text | ones &* 0x20
            let isDigit = (text &+ ones &* (0x80 - 0x30)) & ~(text &+ ones &* (0x80 - 0x3A))
            let isLetter = (lowercase &+ ones &* (0x80 - 0x61)) & ~(lowercase &+ ones &* (0x80 - 0x7B))
            guard text & highest == 0, (isDigit | isLetter) & highest == highest else { return false }
        }
        for rest in index..<documents.count where !isASCIILetterOrDigit(documents[rest]) { return false }
        return true
    }

    /// Throws the first fault, in the order of the bets and of a bet's fields.
    private borrowing func checkOneByOne(today: Birthdate) throws(ChunkFault) {
        var cursor = BetTextCursor(self)
        for bet in 0..<count {
            let text = cursor.next(self, bet: bet)
            do throws(BetFault) {
                try BetRules.check(name: bytes.extracting(text.firstName), .first)
                try BetRules.check(name: bytes.extracting(text.lastName), .last)
                try BetRules.check(document: bytes.extracting(text.document))
                try BetRules.check(birthdate: birthdate(at: bet), today: today)
                try BetRules.check(number: UInt32(number(at: bet)))
            } catch {
                throw .bet(index: bet, error)
            }
        }
    }
}

/// The days that exist.
private enum CalendarDays {
    static let exists: UInt8 = 1
    static let everyYear: UInt8 = 2
    /// For each mmdd: whether the day exists, and whether it does in every year.
    static let kinds: [UInt8] = (0..<10_000).map { (monthAndDay: UInt32) in
        if Birthdate(packed: 1999_0000 + monthAndDay).isCalendarDate { return exists | everyYear }
        return Birthdate(packed: 2000_0000 + monthAndDay).isCalendarDate ? exists : 0
    }
}
