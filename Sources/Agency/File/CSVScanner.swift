import Shared

/// Finds the rows of a CSV and their fields, as Python's csv module reads them: CR LF or LF, fields in quotes with
/// quotes doubled inside.
///
/// Pure: bytes in, ranges out.
enum CSVScanner {
    /// A row of five valid fields in quotes has 255 + 255 + 20 + 10 + 4 bytes, twice as many where all are doubled
    /// quotes.
    ///
    /// What is longer is no bet, and no quote may run on further than this.
    static let maxRowBytes = 4096
    static let fieldCount = 5

    typealias Fields = InlineArray<5, Range<Int>>

    enum Event {
        /// Five fields, as ranges of the scanned bytes, and where the next row begins.
        case row(Fields, end: Int)
        /// A row that is no bet, and where the next row begins.
        case fault(RowFault, end: Int)
        /// A line without anything in it.
        case blank(end: Int)
        /// The row is not whole: come again with more bytes.
        case needsBytes
    }

    /// Scans the row that begins at `start`.
    ///
    /// A field in quotes is unquoted in place once its row is whole, so that its range holds its text.
    ///
    /// - Parameter isEnd: no more bytes will come, and the last row may lack its line's end.
    static func scan(_ bytes: inout [UInt8], from start: Int, isEnd: Bool) -> Event {
        switch findEnd(bytes, from: start, isEnd: isEnd) {
        case .needsBytes:
            return .needsBytes
        case .fault(let fault):
            // The row ends at its first line's end: one bad quote costs one line, not the rest of the file.
            let lineEnd = bytes[start...].firstIndex(of: UInt8(ascii: "\n"))
            return .fault(fault, end: lineEnd.map { $0 + 1 } ?? bytes.count)
        case .line(let contentEnd, let end):
            if contentEnd == start { return .blank(end: end) }
            return split(&bytes, start..<contentEnd, end: end)
        }
    }

    private enum RowEnd {
        case line(contentEnd: Int, end: Int)
        case fault(RowFault)
        case needsBytes
    }

    private enum Place {
        case fieldStart
        case unquoted
        case quoted
        /// A quote inside quotes: it closes them, or is the first of two.
        case quoteInQuotes
    }

    /// Where the row's last line ends.
    ///
    /// Changes nothing.
    private static func findEnd(_ bytes: [UInt8], from start: Int, isEnd: Bool) -> RowEnd {
        var place = Place.fieldStart
        let limit = min(bytes.count, start + maxRowBytes)
        for index in start..<limit {
            switch (place, bytes[index]) {
            case (.fieldStart, UInt8(ascii: "\"")), (.quoteInQuotes, UInt8(ascii: "\"")):
                place = .quoted
            case (.quoted, UInt8(ascii: "\"")):
                place = .quoteInQuotes
            case (.quoted, _):
                break
            case (_, UInt8(ascii: "\n")):
                let hasReturn = index > start && bytes[index - 1] == UInt8(ascii: "\r")
                return .line(contentEnd: hasReturn ? index - 1 : index, end: index + 1)
            case (_, UInt8(ascii: ",")):
                place = .fieldStart
            default:
                place = .unquoted
            }
        }
        if limit - start == maxRowBytes {
            return .fault(place == .quoted ? .quoteNotClosed : .rowTooLong)
        }
        guard isEnd else { return .needsBytes }
        return place == .quoted
            ? .fault(.quoteNotClosed) : .line(contentEnd: limit, end: limit)
    }

    /// Cuts a whole row into fields.
    private static func split(_ bytes: inout [UInt8], _ row: Range<Int>, end: Int) -> Event {
        var fields = Fields(repeating: 0..<0)
        var count = 0
        var index = row.lowerBound
        while true {
            let field: Range<Int>
            if index < row.upperBound, bytes[index] == UInt8(ascii: "\"") {
                guard let (text, next) = unquote(&bytes, from: index, to: row.upperBound) else {
                    return .fault(.textBehindQuote, end: end)
                }
                field = text
                index = next
            } else {
                let fieldStart = index
                while index < row.upperBound, bytes[index] != UInt8(ascii: ",") { index += 1 }
                field = fieldStart..<index
            }
            if count < fieldCount { fields[count] = field }
            count += 1
            if index == row.upperBound { break }
            index += 1  // the comma
        }
        return count == fieldCount
            ? .row(fields, end: end) : .fault(.fieldCount(count), end: end)
    }

    /// Unquotes a field in place.
    ///
    /// - Returns: where its text lies, and the comma or row's end behind it; nil where something else stands there.
    private static func unquote(
        _ bytes: inout [UInt8], from open: Int, to end: Int
    ) -> (Range<Int>, Int)? {
        var target = open + 1
        var source = open + 1
        while source < end {
            if bytes[source] == UInt8(ascii: "\"") {
                source += 1
                guard source < end, bytes[source] == UInt8(ascii: "\"") else { break }
            }
            bytes[target] = bytes[source]
            target += 1
            source += 1
        }
        guard source == end || bytes[source] == UInt8(ascii: ",") else { return nil }
        return (open + 1..<target, source)
    }
}
