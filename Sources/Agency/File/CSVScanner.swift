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
        /// Five fields, and where the next row begins.
        ///
        /// `isASCII`: known to have no byte above 127; false where nobody looked.
        case row(end: Int, isASCII: Bool)
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
    /// - Parameters:
    ///   - isEnd: no more bytes will come, and the last row may lack its line's end.
    ///   - fields: of a row, as ranges of the scanned bytes. Not part of what is returned: 80 bytes are not to be carried
    ///     through every caller's optional, which took a fifth of an agency's time.
    static func scan(
        _ bytes: inout [UInt8], from start: Int, isEnd: Bool, fields: inout Fields
    ) -> Event {
        if let row = plainRow(bytes.span, from: start, &fields) { return row }
        switch findEnd(bytes, from: start, isEnd: isEnd) {
        case .needsBytes:
            return .needsBytes
        case .fault(let fault):
            // The row ends at its first line's end: one bad quote costs one line, not the rest of the file.
            let lineEnd = bytes[start...].firstIndex(of: UInt8(ascii: "\n"))
            return .fault(fault, end: lineEnd.map { $0 + 1 } ?? bytes.count)
        case .line(let contentEnd, let end):
            if contentEnd == start { return .blank(end: end) }
            return split(&bytes, start..<contentEnd, end: end, &fields)
        }
    }

    /// The usual row in one pass: five fields, no quote anywhere, its line's end in sight.
    ///
    /// - Returns: the row; nil where this is another row, for the rules in full.
    private static func plainRow(_ bytes: Span<UInt8>, from start: Int, _ fields: inout Fields) -> Event? {
        var (count, fieldStart, wordStart) = (0, start, start)
        let limit = min(bytes.count, start + maxRowBytes)
        var union: UInt64 = 0
        let (ones, sevenBits): (UInt64, UInt64) = (0x0101_0101_0101_0101, 0x7F7F_7F7F_7F7F_7F7F)
        while wordStart + 8 <= limit {
            // Eight bytes at a time: the highest bit of those that are a comma or below, which no letter, digit or dash
            // is. Seven bits and 0x53 reach the eighth from 0x2D on, and carry no further.
            // 8 bytes are there: the loop's condition.
            let text = UInt64(
                littleEndian: bytes.bytes.unsafeLoadUnaligned(fromByteOffset: wordStart, as: UInt64.self))
            union |= text  // up to seven bytes of the next row are in it too
            let others = ((text & sevenBits) &+ ones &* 0x53) | text
            var found = ~others & ~sevenBits
            while found != 0 {
                // Inside the word; and four commas are before a line's end.
                let index = wordStart + found.trailingZeroBitCount / 8
                found &= found &- 1
                switch bytes[unchecked: index] {
                case UInt8(ascii: ","):
                    guard count < fieldCount - 1 else { return nil }
                    fields[count] = fieldStart..<index
                    count += 1
                    fieldStart = index + 1
                case UInt8(ascii: "\n"):
                    guard count == fieldCount - 1 else { return nil }
                    let hasReturn = bytes[unchecked: index - 1] == UInt8(ascii: "\r")
                    fields[count] = fieldStart..<(hasReturn ? index - 1 : index)
                    return .row(end: index + 1, isASCII: union & ~sevenBits == 0)
                case UInt8(ascii: "\""):
                    return nil
                default:
                    break
                }
            }
            wordStart += 8
        }
        return nil
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
    private static func split(
        _ bytes: inout [UInt8], _ row: Range<Int>, end: Int, _ fields: inout Fields
    ) -> Event {
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
            ? .row(end: end, isASCII: false) : .fault(.fieldCount(count), end: end)
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
