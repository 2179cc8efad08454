import Domain

/// The reason a line of a file is not a valid bet.
enum RowFault: Error, Equatable, Sendable, CustomStringConvertible {
    case fieldCount(Int)
    case lineTooLong
    case quoteNotClosed
    case textAfterQuote
    case bet(BetFault)

    var description: String {
        switch self {
        case .fieldCount(let count):
            "the line has \(count) field\(count == 1 ? "" : "s"); 5 are expected: first name, last name, document, "
                + "birthdate, number"
        case .lineTooLong:
            "the line is longer than \(CSVScanner.maxLineBytes) bytes"
        case .quoteNotClosed:
            "a quote is not closed on its line"
        case .textAfterQuote:
            "text follows a closing quote; a quote inside a field in quotes must be doubled"
        case .bet(let fault):
            "\(fault)"
        }
    }
}

/// A fault and its column in the line.
struct LineFault: Equatable, Sendable {
    let fault: RowFault
    /// The column of the faulty field's first byte, from 1.
    let column: Int

    init(_ fault: RowFault, column: Int) {
        self.fault = fault
        self.column = column
    }
}
