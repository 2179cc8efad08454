/// Finds the fields of a CSV's lines: separated by commas, optionally in quotes, with quotes doubled inside quotes.
///
/// A row is a line: LF or CR LF ends it even inside quotes, because no valid field contains a line end. So a stray quote
/// invalidates only its own line.
///
/// Pure: bytes in, ranges out.
enum CSVScanner {
    /// The longest line, including its end.
    ///
    /// A valid line needs at most 2 × (255 + 255) + 20 + 10 + 20 bytes, 14 quotes and commas, and its end: five fields in
    /// quotes whose names consist of doubled quotes.
    static let maxLineBytes = 4096
    static let fieldCount = 5

    typealias Fields = InlineArray<5, Range<Int>>

    enum Event {
        /// Five fields, and the start of the next line.
        ///
        /// `isASCII`: known to contain no byte above 127; false if unknown.
        case row(end: Int, isASCII: Bool)
        /// A line with a fault or without exactly five fields, and the start of the next line.
        case fault(LineFault, end: Int)
        /// An empty line.
        case blank(end: Int)
        /// No line end within ``maxLineBytes``.
        case tooLong
        /// The line is incomplete: call again with more bytes.
        case needsBytes
    }

    /// Scans the line that begins at `start`.
    ///
    /// A field in quotes is unquoted in place once its line is complete, so that its range contains its text.
    ///
    /// - Parameters:
    ///   - isEnd: whether no more bytes follow; the last line may lack its end.
    ///   - fields: set to the fields of a row, as ranges of the scanned bytes. They are not returned, because 80 bytes
    ///     carried through every caller's optional took a fifth of an agency's time.
    static func scan(
        _ bytes: inout [UInt8], from start: Int, isEnd: Bool, fields: inout Fields
    ) -> Event {
        if let row = plainRow(bytes.span, from: start, &fields) { return row }
        let limit = min(bytes.count, start + maxLineBytes)
        var (contentEnd, end) = (limit, limit)
        if let lineFeed = bytes[start..<limit].firstIndex(of: UInt8(ascii: "\n")) {
            let hasReturn = lineFeed > start && bytes[lineFeed - 1] == UInt8(ascii: "\r")
            (contentEnd, end) = (hasReturn ? lineFeed - 1 : lineFeed, lineFeed + 1)
        } else if limit - start == maxLineBytes {
            return .tooLong
        } else if !isEnd {
            return .needsBytes
        }
        return contentEnd == start ? .blank(end: end) : split(&bytes, start..<contentEnd, end: end, &fields)
    }

    /// Scans the usual line in one pass; nil for any other, which the full rules then scan.
    private static func plainRow(_ bytes: Span<UInt8>, from start: Int, _ fields: inout Fields) -> Event? {
        var (count, fieldStart, wordStart) = (0, start, start)
        let limit = min(bytes.count, start + maxLineBytes)
        var union: UInt64 = 0
        let (ones, sevenBits): (UInt64, UInt64) = (0x0101_0101_0101_0101, 0x7F7F_7F7F_7F7F_7F7F)
        while wordStart + 8 <= limit {
            // Eight bytes at a time. `found` has the highest bit of each byte up to a comma (0x2C), which excludes
            // letters, digits and dashes: adding 0x53 to seven bits sets the eighth from 0x2D on and carries no further.
            // The loop's condition guarantees 8 bytes.
            let text = UInt64(
                littleEndian: bytes.bytes.unsafeLoadUnaligned(fromByteOffset: wordStart, as: UInt64.self))
            union |= text  // may include up to seven bytes of the next line
            let others = ((text & sevenBits) &+ ones &* 0x53) | text
            var found = ~others & ~sevenBits
            while found != 0 {
                // Unchecked: the index is inside the word, and four commas precede a line's end.
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

    private static func split(
        _ bytes: inout [UInt8], _ line: Range<Int>, end: Int, _ fields: inout Fields
    ) -> Event {
        var count = 0
        var index = line.lowerBound
        var sixthField: Int?
        while true {
            let column = index - line.lowerBound + 1
            if count == fieldCount { sixthField = column }
            let field: Range<Int>
            if index < line.upperBound, bytes[index] == UInt8(ascii: "\"") {
                switch unquote(&bytes, from: index, to: line.upperBound) {
                case .field(let text, let next): (field, index) = (text, next)
                case .fault(let fault): return .fault(LineFault(fault, column: column), end: end)
                }
            } else {
                let fieldStart = index
                while index < line.upperBound, bytes[index] != UInt8(ascii: ",") { index += 1 }
                field = fieldStart..<index
            }
            if count < fieldCount { fields[count] = field }
            count += 1
            if index == line.upperBound { break }
            index += 1  // the comma
        }
        return count == fieldCount
            ? .row(end: end, isASCII: false)
            : .fault(LineFault(.fieldCount(count), column: sixthField ?? 1), end: end)
    }

    private enum Unquoted {
        /// The range of the text, and the index of the comma or line end after it.
        case field(Range<Int>, next: Int)
        case fault(RowFault)
    }

    private static func unquote(_ bytes: inout [UInt8], from open: Int, to end: Int) -> Unquoted {
        var target = open + 1
        var source = open + 1
        while source < end {
            if bytes[source] == UInt8(ascii: "\"") {
                source += 1
                guard source < end, bytes[source] == UInt8(ascii: "\"") else {
                    let isClosed = source == end || bytes[source] == UInt8(ascii: ",")
                    return isClosed ? .field(open + 1..<target, next: source) : .fault(.textAfterQuote)
                }
            }
            bytes[target] = bytes[source]
            target += 1
            source += 1
        }
        return .fault(.quoteNotClosed)
    }
}
