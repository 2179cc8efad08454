/// The first six fields of a line, the most that a dialect has, and the number of all.
struct TextFields {
    var ranges = InlineArray<6, Range<Int>>(repeating: 0..<0)
    private(set) var count = 0

    /// Counts fields beyond the sixth.
    mutating func append(_ field: Range<Int>) {
        if count < 6 { ranges[count] = field }
        count += 1
    }
}

/// An iterator over the lines of a text, so that a message of newlines costs only its own bytes.
struct LineCursor {
    private var index: Int
    private let end: Int

    init(_ range: Range<Int>) {
        index = range.lowerBound
        end = range.upperBound
    }

    /// Returns the next line without its newline, which the last line may lack; nil at the end.
    mutating func next(_ text: Span<UInt8>) -> Range<Int>? {
        guard index < end else { return nil }
        let start = index
        while index < end, text[index] != UInt8(ascii: "\n") { index += 1 }
        let line = start..<index
        index += 1
        return line
    }
}

extension Span<UInt8> {
    func fields(in range: Range<Int>, separatedBy separator: Unicode.Scalar) -> TextFields {
        var fields = TextFields()
        var start = range.lowerBound
        for index in range where self[index] == UInt8(ascii: separator) {
            fields.append(start..<index)
            start = index + 1
        }
        fields.append(start..<range.upperBound)
        return fields
    }

    func equals(_ text: StaticString) -> Bool {
        guard count == text.utf8CodeUnitCount else { return false }
        for index in indices where self[index] != text.utf8Start[index] { return false }
        return true
    }
}
