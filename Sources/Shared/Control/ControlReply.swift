private import Foundation

/// The answer to a control request, one line: `{"ok":…}` or `{"error":"…"}`.
package enum ControlReply: Sendable {
    /// An encoded JSON value.
    case ok([UInt8])
    case failed(String)

    /// Makes the reply with an encoded value.
    package init(_ value: some Encodable) {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        guard let bytes = try? encoder.encode(value) else {
            preconditionFailure("strings and integers cannot be encoded")
        }
        self = .ok(Array(bytes))
    }

    /// The line, with its end.
    package var line: [UInt8] {
        let body: [UInt8]
        switch self {
        case .ok(let value): body = Array(#"{"ok":"#.utf8) + value
        case .failed(let text):
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.withoutEscapingSlashes]
            body = Array(#"{"error":"#.utf8) + ((try? encoder.encode(text)) ?? Data(#""""#.utf8))
        }
        return body + Array("}\n".utf8)
    }

    /// Reads a line.
    ///
    /// - Returns: nil for bytes that are not a reply.
    package init?(line: [UInt8]) {
        let trimmed = line.last == UInt8(ascii: "\n") ? Array(line.dropLast()) : line
        let (ok, error) = (Array(#"{"ok":"#.utf8), Array(#"{"error":"#.utf8))
        guard trimmed.last == UInt8(ascii: "}") else { return nil }
        if trimmed.starts(with: ok) {
            self = .ok(Array(trimmed[ok.count..<trimmed.count - 1]))
        } else if trimmed.starts(with: error),
            let text = try? JSONDecoder().decode(String.self, from: Data(trimmed[error.count..<trimmed.count - 1]))
        {
            self = .failed(text)
        } else {
            return nil
        }
    }

    /// The text of a value that is a JSON string; empty for another value.
    package static func text(_ value: [UInt8]) -> String {
        (try? JSONDecoder().decode(String.self, from: Data(value))) ?? ""
    }
}
