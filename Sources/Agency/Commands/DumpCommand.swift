import AgencyLanguages
import ArgumentParser
import Shell

struct DumpCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "dump",
        abstract: "Print an agency's messages byte by byte, in the form of docs/dialects.md.",
        discussion: """
            For developers of a dialect, or of a program that uses one: a chunk of two bets, the end and the consultation \
            of agency 1, as the doctor sends them.

            EXAMPLE
              agency dump --dialect pipe
            """)

    @Option(
        help: ArgumentHelp("One of \(LanguageRegistry.all.map(\.name).joined(separator: ", ")).", valueName: "name"))
    var dialect: String

    private static let rows = [
        ["Santiago Lionel", "Lorca", "30904465", "1999-03-17", "7574"],
        ["Tiago Nicolás", "Rivera", "34407251", "2001-08-29", "1033"],
    ]

    /// Checks the name of the dialect.
    func validate() throws {
        guard LanguageRegistry.language(dialect) == nil else { return }
        let names = LanguageRegistry.all.map(\.name).joined(separator: ", ")
        throw ValidationError("--dialect \(dialect): one of \(names) is expected")
    }

    func run() throws {
        try ProgramExit.run {
            guard var language = LanguageRegistry.language(dialect) else { return }
            let messages: [(name: String, bytes: [UInt8]?)] = [
                ("hello", language.greeting(agency: "1")),
                ("chunk", language.chunk(Self.rows, agency: "1", isLast: false)),
                ("end", language.finish(agency: "1")),
                ("consult", language.consult(agency: "1")),
            ]
            for (name, bytes) in messages {
                guard let bytes else { continue }
                try writeOutput("```hex \(dialect)-\(name)\n\(Self.dump(bytes))```\n")
            }
        }
    }

    /// Formats lines of up to 16 bytes in hexadecimal, each followed by its text.
    static func dump(_ bytes: [UInt8]) -> String {
        var text = ""
        for start in stride(from: 0, to: bytes.count, by: 16) {
            let line = bytes[start..<min(start + 16, bytes.count)]
            let digits = line.map { ($0 < 16 ? "0" : "") + String($0, radix: 16, uppercase: true) }
            let shown = line.map { byte in
                switch byte {
                case 0x0A: "⏎"
                case 0x20..<0x7F: String(UnicodeScalar(byte))
                default: "·"
                }
            }
            let padding = String(repeating: "   ", count: 16 - line.count)
            text += digits.joined(separator: " ") + padding + "  \(shown.joined())\n"
        }
        return text
    }
}
