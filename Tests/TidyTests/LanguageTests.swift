import Foundation
import TestKit
import Testing

/// The phrases that CONTRIBUTING.md replaces by plain ones: in comments, messages, documents and test names.
struct LanguageTests {
    /// A pattern and what to write instead.
    private static let phrases: [(pattern: String, advice: String)] = [
        (#"\bbehind\b"#, "after, following"),
        (#"\bin front of\b"#, "before"),
        (#"\bunder way\b"#, "current, in progress"),
        (#"\b(on (its|their) way|as it goes on the wire|go(es)? on the wire)\b"#, "in flight, sent"),
        (#"\b(go|goes|going|went) on\b"#, "continue, resume"),
        (#"\b(lets? go|letting go)\b"#, "release, close"),
        (#"\bfor ever\b"#, "permanently"),
        (#"\bso many\b"#, "n, this many"),
        (#"\bbut for\b"#, "except"),
        (#"\b(is|are|was|were) none\b"#, "is not a valid …, invalid"),
        (#"\b(that|which|what|it) (is|are|was|were) no\b"#, "is not a …, other than"),
        (#"\b(stands|stood)\b(?! for)"#, "is"),
        (#"\b(has|have|had) (come|gone)\b"#, "has arrived, has disconnected"),
        (#"\b(goodbye|last word)\b"#, "final message"),
        (#"\b(has|have) (no )?words for\b"#, "can (not) express"),
        (#"\b([Ss]trangers?|honest)\b"#, "unauthenticated, well-behaved"),
        (#"\b[Rr]efus(e|es|ed|al|als|ing)\b|[a-z]Refus"#, "reject"),
        (#"\bceilings?\b|[a-z]Ceiling"#, "limit"),
        (#"(^|[.!] |/// |// )(Who|Whoever|Whatever|What|Where)\b(?![^.]*\?)"#, "name the actor"),
    ]

    private static let texts =
        Repository.files(below: "Sources", ending: ".swift") + Repository.files(below: "Tests", ending: ".swift")
        + Repository.files(below: "docs", ending: ".md")
        + ["Benchmarks", "Fuzzing/Sources", "Tests/CFaultShim", "Sources/CLinux"].flatMap { folder in
            [".swift", ".py", ".c", ".h"].flatMap { Repository.files(below: folder, ending: $0) }.filter {
                !$0.contains("/.build/")
            }
        }
        + ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md", "config.yaml", "Makefile"]

    @Test("phrases of a private dialect are not used", arguments: texts)
    func phrases(_ path: String) throws {
        guard !path.hasSuffix("LanguageTests.swift") else { return }
        let patterns = try Self.phrases.map { (try Regex($0.pattern), $0.advice) }
        let lines = try Repository.text(path).split(separator: "\n", omittingEmptySubsequences: false)
        for (number, line) in lines.enumerated() {
            // The system's own words, and the name of a file of version 1.
            let line = line.replacing("Connection refused", with: "").replacing(".refused.csv", with: "")
            for (pattern, advice) in patterns where line.contains(pattern) {
                Issue.record("\(path):\(number + 1): \(advice): \(line)")
            }
        }
    }
}
