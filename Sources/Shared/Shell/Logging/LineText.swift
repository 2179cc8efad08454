/// Where escaped text is written.
enum LineText {
    /// A line for people: a log line of the course's format, or the progress bar.
    case text
    /// A string of JSON.
    case json

    /// What a field of a line holds at most; the rest is cut off.
    static let maxFieldBytes = 1024
}

extension String {
    /// The text without anything that could end a line, begin a field, steer a terminal or turn the direction of text, and
    /// cut off after 1 KiB.
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

extension UInt16 {
    /// The number as the quiniela writes it: four figures, for example `0007`.
    package var fourFigures: String {
        let figures = String(self)
        return String(repeating: "0", count: Swift.max(0, 4 - figures.count)) + figures
    }
}
