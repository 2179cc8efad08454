import Foundation
import Shell
import Storage
import TestKit
import Testing

/// Tests of the repository itself, for rules that a reviewer would otherwise have to check.
struct TidyTests {
    private static let sources = Repository.files(below: "Sources", ending: ".swift")
    private static let tests = Repository.files(below: "Tests", ending: ".swift")

    private func lines(_ path: String) throws -> [String] {
        try Repository.text(path).split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
    }

    @Test("the repository's files are found")
    func found() {
        #expect(Self.sources.count > 50 && Self.tests.count > 20)
    }

    @Test("a file has at most 400 lines, a function at most 70", arguments: sources + tests)
    func sizes(_ path: String) throws {
        let lines = try lines(path)
        #expect(lines.count <= 400, "\(path) has \(lines.count) lines")
        var start: Int?
        var indent = ""
        for (index, line) in lines.enumerated() {
            if start == nil, let match = line.firstMatch(of: /^( *)[a-z@() ]*\bfunc .*\{$/) {
                (start, indent) = (index, String(match.1))
            } else if let begin = start, line == indent + "}" {
                #expect(index - begin <= 70, "\(path):\(begin + 1): a function of \(index - begin) lines")
                start = nil
            }
        }
    }

    @Test("a file is named after what it declares or extends", arguments: sources + tests)
    func names(_ path: String) throws {
        let name = String(path.split(separator: "/").last?.dropLast(6) ?? "")
        let text = try Repository.text(path)
        let declared = text.matches(of: /(?:struct|class|enum|protocol|extension|func) ([A-Za-z0-9]+)/).map {
            $0.1.lowercased()
        }
        #expect(declared.contains { name.lowercased().hasPrefix($0) }, "\(path) declares \(declared)")
    }

    @Test("calls with a better alternative are not used", arguments: sources + tests)
    func bannedCalls(_ path: String) throws {
        guard !path.hasSuffix("TidyTests.swift") else { return }
        let everywhere = [
            (#"\btry!"#, "handle the error"), (#"(^|[^.\w])print\("#, "log an event, or writeOutput"),
            (#"\bfatalError\("#, "precondition with the value"), (#"\b(TODO|FIXME)"#, "do it, or file an issue"),
            (#"[^u]sleep\("#, "wait for the event with a deadline"),
            (#"\bfcntl\("#, "flock: fcntl locks belong to the process"),
            (#"socketOption\(\.tcp"#, "tcpOption: at the socket's level the same number is SO_DEBUG, for root only"),
            (#"nonisolated\(unsafe\)"#, "guard it"), (#"\.\./shared"#, "only .ci/run knows where the data is"),
            (#"\bMutex[<(]"#, "NIOLockedValueBox or Monitor: the thread sanitizer knows them"),
        ]
        let patterns = try everywhere.map { (try Regex($0.0), $0.1) }
        for (number, line) in try lines(path).enumerated() {
            for (pattern, advice) in patterns where line.contains(pattern) {
                Issue.record("\(path):\(number + 1): \(advice): \(line)")
            }
            if path.hasPrefix("Tests"), line.contains(#/usleep|Task\.sleep|nanosleep/#) {
                Issue.record("\(path):\(number + 1): tests do not sleep: \(line)")
            }
        }
    }

    @Test("types and functions that throw are documented", arguments: sources)
    func documentation(_ path: String) throws {
        let lines = try lines(path)
        for (index, line) in lines.enumerated() {
            let isType = line.contains(
                #/^(package |final |@main )*(struct|class|enum|protocol|actor) /#)
            let isThrowing = line.contains(#/^( {4})?(package )?(static |mutating )*(func|init).*throws/#)
            let isCommand = line.hasSuffix(": ParsableCommand {") || line.contains("func run() throws {")
            let isDecoder = line.contains("from decoder") || line.contains("to encoder")
            guard isType || isThrowing, !isCommand, !isDecoder, !line.contains("ExpressibleByArgument") else {
                continue
            }
            var above = index - 1
            while above >= 0, lines[above].trimmingCharacters(in: .whitespaces).hasPrefix("@") { above -= 1 }
            let isDocumented = above >= 0 && lines[above].trimmingCharacters(in: .whitespaces).hasPrefix("///")
            // Members that a protocol documents need no second docstring.
            let conforms = path.hasSuffix("PosixDisk.swift") || path.hasSuffix("WinnersImage.swift")
            #expect(isDocumented || conforms, "\(path):\(index + 1): no documentation: \(line)")
        }
    }

    @Test("every key of the configuration is in docs/operations.md, with its variable")
    func configurationKeys() throws {
        let text = try Repository.text("docs/operations.md")
        for key in ConfigurationKey.all {
            // All ports of dialects share one row.
            let name = key.path.hasPrefix("dialects.") ? "dialects.<name>" : key.path
            #expect(text.contains("`\(name)`"), "docs/operations.md and \(name)")
        }
    }

    @Test("links between documents point to existing files")
    func links() throws {
        let documents =
            Repository.files(below: "docs", ending: ".md")
            + ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md"]
        for document in documents {
            let folder = document.split(separator: "/").dropLast().joined(separator: "/")
            for match in try Repository.text(document).matches(of: #/\]\(([^)#]+)(?:#[^)]*)?\)/#) {
                let target = String(match.1)
                guard !target.contains("://") else { continue }
                let path = "\(Repository.root)/\(folder)/\(target)"
                #expect(FileManager.default.fileExists(atPath: path), "\(document) links \(target)")
            }
        }
    }

    @Test("no committed file is large or a build product")
    func blobs() throws {
        let git = Process()
        git.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        git.arguments = ["git", "-C", Repository.root, "ls-files"]
        let pipe = Pipe()
        git.standardOutput = pipe
        try git.run()
        let output = pipe.fileHandleForReading.readDataToEndOfFile()
        git.waitUntilExit()
        for path in String(decoding: output, as: UTF8.self).split(separator: "\n").map(String.init) {
            let attributes = try? FileManager.default.attributesOfItem(atPath: Repository.root + "/" + path)
            let bytes = (attributes?[.size] as? Int) ?? 0
            #expect(bytes <= 128 << 10, "\(path) has \(bytes) bytes")
            #expect(!path.hasPrefix(".build") && !path.hasSuffix("Package.resolved") && !path.hasPrefix("data/draws"))
        }
    }
}
