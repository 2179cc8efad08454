import Foundation

/// Access to the repository's own files.
package enum Repository {
    package static let root: String = {
        var url = URL(fileURLWithPath: #filePath)
        for _ in 0..<3 { url.deleteLastPathComponent() }
        return url.path
    }()

    package static func text(_ path: String) throws -> String {
        try String(contentsOfFile: root + "/" + path, encoding: .utf8)
    }

    package static func bytes(_ path: String) throws -> [UInt8] {
        Array(try Data(contentsOf: URL(fileURLWithPath: root + "/" + path)))
    }

    /// Returns the files below a folder whose names end in `suffix`, as sorted paths from the root.
    package static func files(below folder: String, ending suffix: String) -> [String] {
        let base = root + "/" + folder
        let found = FileManager.default.enumerator(atPath: base)?.compactMap { $0 as? String } ?? []
        return found.filter { $0.hasSuffix(suffix) }.map { folder + "/" + $0 }.sorted()
    }

    /// Returns the bytes of a dump in a document: a block opened with ```hex NAME, lines of bytes and an explanation.
    package static func dump(_ name: String, in path: String) throws -> [UInt8] {
        dump(name, text: try text(path))
    }

    /// Returns the bytes of a dump in a text; empty if the dump is missing.
    package static func dump(_ name: String, text: String) -> [UInt8] {
        var bytes: [UInt8] = []
        var isInside = false
        for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
            if line == "```hex \(name)" {
                isInside = true
            } else if isInside, line.hasPrefix("```") {
                return bytes
            } else if isInside {
                let pairs = line.split(separator: "  ", maxSplits: 1).first ?? ""
                bytes += pairs.split(separator: " ").compactMap { UInt8($0, radix: 16) }
            }
        }
        return []
    }

    /// The folder of real agency files; nil if the machine has none.
    package static let dataset = ProcessInfo.processInfo.environment["QUINIELA_DATASET"]
}
