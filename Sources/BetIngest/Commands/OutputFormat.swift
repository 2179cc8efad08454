import ArgumentParser
import Foundation

/// The form in which a command prints.
enum OutputFormat: String, ExpressibleByArgument {
    case text, json
}

/// JSON as commands print it: one line, keys sorted.
enum JSONOutput {
    /// Encodes a value.
    ///
    /// - Throws: never for strings and integers.
    static func bytes(_ value: some Encodable) throws -> Data {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return try encoder.encode(value)
    }
}
