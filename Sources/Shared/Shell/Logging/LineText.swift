/// The destination of escaped text.
enum LineText {
    /// A line for people: a log line of the course's format, or the progress bar.
    case text
    /// A string of JSON.
    case json

    /// The maximum size of a field, which is cut off after it.
    static let maxFieldBytes = 1024
}

extension String {
    /// Escapes everything that could end a line, begin a field, control a terminal or change the text direction, and
    /// cuts the text off after 1 KiB.
    func escaped(_ place: LineText) -> String {
        guard utf8.count <= LineText.maxFieldBytes else {
            var end = utf8.index(startIndex, offsetBy: LineText.maxFieldBytes)
            while String.Index(end, within: unicodeScalars) == nil { end = utf8.index(before: end) }
            return String(self[..<end]).escaped(place) + "…"
        }
        guard unicodeScalars.contains(where: { $0.isEscaped(place) }) else { return self }
        var result = ""
        for scalar in unicodeScalars {
            if !scalar.isEscaped(place) {
                result.unicodeScalars.append(scalar)
            } else if scalar == "\"" || scalar == "\\" {
                result += "\\" + String(scalar)
            } else {
                for unit in UTF16.encode(scalar) ?? UTF16.encodedReplacementCharacter {
                    let digits = String(unit, radix: 16)
                    result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
                }
            }
        }
        return result
    }
}

extension Unicode.Scalar {
    fileprivate func isEscaped(_ place: LineText) -> Bool {
        if value < 0x80 {
            if value < 0x20 || value == 0x7F { return true }
            return place == .json ? self == "\"" || self == "\\" : self == "|"
        }
        switch properties.generalCategory {
        case .control, .format, .lineSeparator, .paragraphSeparator: return true
        default: return false
        }
    }
}
