import Domain
package import Logging

/// The format of log lines.
package enum LogFormat: String, Sendable, CaseIterable {
    /// The course's lines: `2026-11-20 22:11:15-03:00 INFO     action: … | result: … | key: value`.
    case text
    /// One JSON object a line.
    case json
}

extension LogEvent {
    /// The line after time and level, in the course's format.
    ///
    /// Control characters and bars are escaped, so that no peer can forge a line or a field.
    package var text: String {
        var text = "action: \(action) | result: \(result)"
        for (key, value) in fields {
            switch value {
            case .text(let value): text += " | \(key): \(value.escaped(.text))"
            case .number(let value): text += " | \(key): \(value)"
            case .drawnNumber(let value): text += " | \(key): \(value.fourFigures)"
            }
        }
        return text
    }

    /// Formats a JSON object; `time` is for example `2026-11-20T22:11:15.123456-03:00`.
    package func json(time: String) -> String {
        var text = #"{"time":"\#(time)","level":"\#(level.courseName)""#
        text += #","action":"\#(action)","result":"\#(result)""#
        for (key, value) in fields {
            switch value {
            case .text(let value): text += ",\"\(key)\":\"\(value.escaped(.json))\""
            case .number(let value): text += ",\"\(key)\":\(value)"
            case .drawnNumber(let value): text += ",\"\(key)\":\(value)"
            }
        }
        return text + "}"
    }

    /// Formats the whole line, its end included.
    func line(_ format: LogFormat) -> String {
        switch format {
        case .text: Self.textLine(level, text)
        case .json: json(time: LogTime.now.rfc3339) + "\n"
        }
    }

    /// Formats a line in the course's format, its end included.
    static func textLine(_ level: Logger.Level, _ message: String) -> String {
        let name = level.courseName
        return "\(LogTime.now.text) \(name)\(String(repeating: " ", count: 8 - name.utf8.count)) \(message)\n"
    }
}

extension Logger.Level {
    /// The level's name in Python's logging.
    package var courseName: String {
        switch self {
        case .trace, .debug: "DEBUG"
        case .info, .notice: "INFO"
        case .warning: "WARNING"
        case .error: "ERROR"
        case .critical: "CRITICAL"
        }
    }

    /// Reads a name in any case.
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
