/// The rules for one bet's fields, shared by the service, which checks columns, and the agency, which checks rows
/// before it sends them.
package enum BetRules {
    /// Checks a name: 1 … 255 bytes of valid UTF-8 without control characters.
    ///
    /// - Parameter isASCII: whether the bytes are known to be ASCII, and so valid UTF-8.
    package static func check(
        name bytes: Span<UInt8>, _ name: BetFault.Name, isASCII: Bool = false
    ) throws(BetFault) {
        if bytes.isEmpty { throw .nameEmpty(name) }
        if bytes.count > Limits.maxNameBytes { throw .nameTooLong(name, bytes: bytes.count) }
        if !isASCII, !isUTF8(bytes) { throw .nameNotUTF8(name) }
        if hasControlCharacter(bytes) { throw .nameControlCharacter(name) }
    }

    /// Checks a document: 1 … 20 ASCII letters and digits.
    package static func check(document bytes: Span<UInt8>) throws(BetFault) {
        if !(1...Limits.maxDocumentBytes).contains(bytes.count) {
            throw .documentLength(bytes: bytes.count)
        }
        for index in bytes.indices where !isASCIILetterOrDigit(bytes[index]) {
            throw .documentCharacter
        }
    }

    /// Checks a date from 1900-01-01 to `today`, inclusive.
    package static func check(birthdate: Birthdate, today: Birthdate) throws(BetFault) {
        if !birthdate.isCalendarDate { throw .birthdateNotInCalendar(birthdate) }
        if birthdate < Limits.minBirthdate { throw .birthdateTooEarly(birthdate) }
        if birthdate > today { throw .birthdateInFuture(birthdate) }
    }

    /// Checks a number: 0 … 9999.
    package static func check(number: UInt32) throws(BetFault) {
        if number > UInt32(Limits.maxNumber) { throw .numberTooLarge(number) }
    }

    /// Whether valid UTF-8 contains a control character: U+0000 to U+001F, U+007F to U+009F.
    ///
    /// Such characters end lines, control terminals and separate the fields of other formats. No name contains one.
    package static func hasControlCharacter(_ bytes: Span<UInt8>) -> Bool {
        // Three minima, which the compiler turns into vector code without a branch: of the bytes, of what separates them
        // from U+007F, and from 0xC2, the first byte of U+0080 to U+00BF, which names rarely contain.
        var smallest = UInt8.max
        var fromDelete = UInt8.max
        var fromLead = UInt8.max
        for index in bytes.indices {
            let byte = bytes[unchecked: index]
            smallest = min(smallest, byte)
            fromDelete = min(fromDelete, byte ^ 0x7F)
            fromLead = min(fromLead, byte ^ 0xC2)
        }
        if smallest < 0x20 || fromDelete == 0 { return true }
        if fromLead != 0 { return false }
        for index in 1..<bytes.count where bytes[index - 1] == 0xC2 && bytes[index] < 0xA0 { return true }
        return false
    }

    /// Whether bytes are UTF-8; ASCII, the usual case, takes one pass over machine words.
    package static func isUTF8(_ bytes: Span<UInt8>) -> Bool {
        var union: UInt8 = 0
        for index in bytes.indices { union |= bytes[index] }
        if union < 0x80 { return true }
        return (try? UTF8Span(validating: bytes)) != nil
    }
}
