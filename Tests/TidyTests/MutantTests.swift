import Foundation
import TestKit
import Testing

/// Tests that the list of `make mutants` matches the code that it changes.
struct MutantTests {
    @Test(
        "the lines that a mutant replaces are in its file exactly once",
        arguments: Repository.files(below: "Tests/Mutants", ending: ".txt"))
    func lines(_ path: String) throws {
        let entries = try Repository.text(path).split(separator: "mutant: ").dropFirst()
        #expect(entries.count > 10)
        for entry in entries {
            let entryText = "mutant: \(entry)"
            let match = try #require(
                entryText.wholeMatch(of: #/(?s)mutant: (.+?)\nfile: (.+?)\ntests: .+?\n<<<\n(.+?)\n===\n(.*)>>>\s*/#),
                "\(path): \(entryText)")
            // Indentation does not count.
            let file = Self.trimmed(try Repository.text(String(match.2)))
            let count = file.ranges(of: "\n" + Self.trimmed(String(match.3)) + "\n").count
            #expect(count == 1, "\(path): \(match.1): \(match.2) has its lines \(count) times; Tests/Mutants/README.md")
        }
    }

    private static func trimmed(_ text: String) -> String {
        text.split(separator: "\n", omittingEmptySubsequences: false)
            .map { $0.trimmingCharacters(in: .whitespaces) }.joined(separator: "\n")
    }
}
