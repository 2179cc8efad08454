internal import ArgumentParser
package import Foundation

/// The form in which a command prints.
package enum OutputFormat: String, ExpressibleByArgument, CaseIterable {
    case text, json
}

/// JSON as commands print it: one line, keys sorted.
package enum JSONOutput {
    /// Encodes a value.
    ///
    /// - Throws: never for strings and integers.
    package static func bytes(_ value: some Encodable) throws -> Data {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return try encoder.encode(value)
    }
}
