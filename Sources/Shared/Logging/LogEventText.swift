private import Glibc
package import Logging

/// How log lines look.
package enum LogFormat: String, Sendable, CaseIterable {
    /// The course's lines: `2026-11-20 22:11:15 INFO     action: … | result: … | key: value`.
    case text
    /// One JSON object a line.
    case json
}

extension LogEvent {
    /// What follows the time and level in the course's format.
    ///
    /// Control characters are escaped, so that no peer can forge a line.
    package var text: String {
        var text = "action: \(action) | result: \(result)"
        for (key, value) in fields {
            switch value {
            case .text(let value): text += " | \(key): \(escaped(value, quote: false))"
            case .number(let value): text += " | \(key): \(value)"
            }
        }
        return text
    }

    /// The whole line as one JSON object.
    ///
    /// - Parameter time: for example `2026-11-20T22:11:15-0300`.
    package func json(time: String) -> String {
        var text = #"{"time":"\#(time)","level":"\#(level.courseName)""#
        text += #","action":"\#(action)","result":"\#(result)""#
        for (key, value) in fields {
            switch value {
            case .text(let value): text += ",\"\(key)\":\"\(escaped(value, quote: true))\""
            case .number(let value): text += ",\"\(key)\":\(value)"
            }
        }
        return text + "}"
    }
}

extension Logger.Level {
    /// The name that Python's logging gives the level, as the course's lines show it.
    package var courseName: String {
        switch self {
        case .trace, .debug: "DEBUG"
        case .info, .notice: "INFO"
        case .warning: "WARNING"
        case .error: "ERROR"
        case .critical: "CRITICAL"
        }
    }

    /// Reads a level's name in any case.
    package init?(courseName: String) {
        switch courseName.uppercased() {
        case "DEBUG": self = .debug
        case "INFO": self = .info
        case "WARNING", "WARN": self = .warning
        case "ERROR": self = .error
        case "CRITICAL": self = .critical
        default: return nil
        }
    }
}

private func escaped(_ text: String, quote: Bool) -> String {
    guard text.unicodeScalars.contains(where: { isEscaped($0, quote: quote) }) else { return text }
    var result = ""
    for scalar in text.unicodeScalars {
        if !isEscaped(scalar, quote: quote) {
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

/// Characters that end lines, steer terminals or turn the direction of text, and in JSON those that end strings.
private func isEscaped(_ scalar: Unicode.Scalar, quote: Bool) -> Bool {
    if scalar.value < 0x80 {
        return scalar.value < 0x20 || scalar.value == 0x7F || quote && (scalar == "\"" || scalar == "\\")
    }
    switch scalar.properties.generalCategory {
    case .control, .format, .lineSeparator, .paragraphSeparator: return true
    default: return false
    }
}

/// The local time by a strftime(3) pattern.
func localTime(_ pattern: String) -> String {
    var now = time(nil)
    var parts = tm()
    localtime_r(&now, &parts)
    var buffer = [CChar](repeating: 0, count: 64)
    let count = strftime(&buffer, buffer.count, pattern, &parts)
    return String(decoding: buffer[..<count].map { UInt8(bitPattern: $0) }, as: UTF8.self)
}
