import Shared

/// Why a row of a file is no bet.
enum RowFault: Error, Equatable, Sendable, CustomStringConvertible {
    case fieldCount(Int)
    case rowTooLong
    case quoteNotClosed
    case textBehindQuote
    case bet(BetFault)

    var description: String {
        switch self {
        case .fieldCount(let count):
            "the row has \(count) fields; 5 are expected: first name, last name, document, "
                + "birthdate, number"
        case .rowTooLong:
            "the row is longer than \(CSVScanner.maxRowBytes) bytes"
        case .quoteNotClosed:
            "a quote is opened and not closed"
        case .textBehindQuote:
            "text follows a closing quote"
        case .bet(let fault):
            "\(fault)"
        }
    }
}
