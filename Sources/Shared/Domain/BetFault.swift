/// The reason a bet is invalid.
///
/// The description names the field, what was found and what is expected.
package enum BetFault: Error, Hashable, Sendable, CustomStringConvertible {
    package enum Name: String, Hashable, Sendable {
        case first = "first name"
        case last = "last name"
    }

    case nameEmpty(Name)
    case nameTooLong(Name, bytes: Int)
    case nameNotUTF8(Name)
    case nameControlCharacter(Name)
    case documentLength(bytes: Int)
    case documentCharacter
    case birthdateFormat
    case birthdateNotInCalendar(Birthdate)
    case birthdateTooEarly(Birthdate)
    case birthdateInFuture(Birthdate)
    case numberFormat
    case numberTooLarge(UInt32)

    package var description: String {
        switch self {
        case .nameEmpty(let name):
            "the \(name.rawValue) is empty; 1 to \(Limits.maxNameBytes) bytes are expected"
        case .nameTooLong(let name, let bytes):
            "the \(name.rawValue) has \(bytes) bytes; 1 to \(Limits.maxNameBytes) are expected"
        case .nameNotUTF8(let name):
            "the \(name.rawValue) is not valid UTF-8"
        case .nameControlCharacter(let name):
            "the \(name.rawValue) contains a control character, for example a tab or a line end"
        case .documentLength(let bytes):
            "the document has \(bytes) characters; 1 to \(Limits.maxDocumentBytes) are expected"
        case .documentCharacter:
            "the document contains a character other than an ASCII letter or digit"
        case .birthdateFormat:
            "the birthdate is not of the form yyyy-mm-dd"
        case .birthdateNotInCalendar(let date):
            "the birthdate \(date) is not in the calendar"
        case .birthdateTooEarly(let date):
            "the birthdate \(date) is before \(Limits.minBirthdate)"
        case .birthdateInFuture(let date):
            "the birthdate \(date) is in the future"
        case .numberFormat:
            "the number must consist of decimal digits only"
        case .numberTooLarge(let number):
            "the number \(number) is above \(Limits.maxNumber)"
        }
    }
}
