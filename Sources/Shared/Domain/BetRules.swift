/// The rules for one bet's fields: the same for the service, which checks columns, and for an agency, which checks
/// rows before it sends them.
package enum BetRules {
    /// Checks a name: 1 … 255 bytes of valid UTF-8.
    ///
    /// - Parameter isASCII: it is known to be, and so to be valid UTF-8.
    package static func check(
        name bytes: Span<UInt8>, _ name: BetFault.Name, isASCII: Bool = false
    ) throws(BetFault) {
        if bytes.isEmpty { throw .nameEmpty(name) }
        if bytes.count > Limits.maxNameBytes { throw .nameTooLong(name, bytes: bytes.count) }
        if !isASCII, !isUTF8(bytes) { throw .nameNotUTF8(name) }
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

    /// Checks a birthdate: in the calendar, from 1900-01-01 to `today`, both included.
    package static func check(birthdate: Birthdate, today: Birthdate) throws(BetFault) {
        if !birthdate.isCalendarDate { throw .birthdateNotInCalendar(birthdate) }
        if birthdate < Limits.minBirthdate { throw .birthdateTooEarly(birthdate) }
        if birthdate > today { throw .birthdateInFuture(birthdate) }
    }

    /// Checks a number: 0 … 9999.
    package static func check(number: UInt32) throws(BetFault) {
        if number > UInt32(Limits.maxNumber) { throw .numberTooLarge(number) }
    }

    /// Whether bytes are valid UTF-8.
    ///
    /// ASCII, the usual case, takes one pass over machine words.
    package static func isUTF8(_ bytes: Span<UInt8>) -> Bool {
        var union: UInt8 = 0
        for index in bytes.indices { union |= bytes[index] }
        if union < 0x80 { return true }
        return (try? UTF8Span(validating: bytes)) != nil
    }
}
