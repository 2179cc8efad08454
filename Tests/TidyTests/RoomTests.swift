import Foundation
import TestKit
import Testing

/// Tests that ARCHITECTURE.md shows the targets of Package.swift; the compiler enforces the arrows.
struct RoomTests {
    private static let programs = ["Agency", "BetIngest", "Console", "Pki", "WinnersService"]

    /// Returns each target of a manifest with the targets of its package that it depends on.
    private static func dependencies(_ manifest: String) throws -> [String: [String]] {
        let text = try Repository.text(manifest).replacing(#/ *\/\/.*/#, with: "")
        var dependencies: [String: [String]] = [:]
        for match in text.matches(of: #/(?s)\.room\(\s*"(\w+)"(?:,\s*\[([^\]]*)\])?\)/#) {
            dependencies[String(match.1)] = names(match.2 ?? "")
        }
        for match in text.matches(of: #/(?s)\.executableTarget\(\s*name: "(\w+)",\s*dependencies: \[(.*?)\]/#) {
            dependencies[String(match.1)] = names(match.2).filter { $0 != "Version" }
        }
        return dependencies
    }

    private static func names(_ list: Substring) -> [String] {
        list.replacing(#/\.product\([^)]*\)/#, with: "").matches(of: #/"(\w+)"/#).map { String($0.1) }
            .filter { $0 != "CLinux" }.sorted()
    }

    /// Drops arrows that are implied by other arrows.
    private static func reduced(_ dependencies: [String: [String]]) -> [String: [String]] {
        func all(_ name: String) -> Set<String> {
            (dependencies[name] ?? []).reduce(into: []) { $0.formUnion(all($1).union([$1])) }
        }
        return dependencies.mapValues { names in
            names.filter { name in !names.contains { $0 != name && all($0).contains(name) } }
        }
    }

    /// Returns the graph in Mermaid; an arrow allows everything that can be reached from it.
    private static func picture() throws -> String {
        let graph = reduced(try dependencies("Package.swift"))
        let arrows = graph.keys.sorted().flatMap { name in (graph[name] ?? []).map { "  \(name) --> \($0)" } }
        return (["```mermaid", "graph TD"] + arrows + ["```"]).joined(separator: "\n")
    }

    @Test("ARCHITECTURE.md has the picture of the targets of Package.swift; QUINIELA_UPDATE=1 writes it there")
    func pictured() throws {
        let text = try Repository.text("ARCHITECTURE.md")
        let block = #/(?s)```mermaid\ngraph TD\n.*?```/#
        let picture = try Self.picture()
        if ProcessInfo.processInfo.environment["QUINIELA_UPDATE"] == "1" {
            try text.replacing(block, with: picture, maxReplacements: 1)
                .write(toFile: Repository.root + "/ARCHITECTURE.md", atomically: true, encoding: .utf8)
            return
        }
        #expect(text.firstMatch(of: block).map { String($0.0) } == picture, "expected:\n\(picture)")
    }

    @Test("every folder of Sources/Shared is a target, with a row in ARCHITECTURE.md")
    func folders() throws {
        let rooms = Set(try Self.dependencies("Package.swift").keys).subtracting(Self.programs)
        let folders = Repository.files(below: "Sources/Shared", ending: ".swift").map { $0.split(separator: "/")[2] }
        #expect(Set(folders.map(String.init)) == rooms)
        let architecture = try Repository.text("ARCHITECTURE.md")
        for room in rooms { #expect(architecture.contains("| `\(room)` |"), "ARCHITECTURE.md has no row for \(room)") }
    }

    @Test("the fuzzers' package has the same rooms with the same arrows")
    func fuzzing() throws {
        let rooms = try Self.dependencies("Package.swift")
        for (name, dependencies) in try Self.dependencies("Fuzzing/Package.swift") where rooms[name] != nil {
            #expect(dependencies == rooms[name], "Fuzzing/Package.swift: \(name)")
        }
    }

    /// The folders of bet-ingest that each folder may use.
    private static let folders: [String: Set<String>] = [
        "Commit": [], "Draw": ["Commit"], "Ingest": ["Commit", "Draw"], "Listener": ["Commit", "Draw", "Ingest"],
    ]

    @Test("arrows between the folders of bet-ingest go one way")
    func ingestFolders() throws {
        var files: [(folder: String, path: String, text: String)] = []
        var folderOfType: [String: String] = [:]
        for path in Repository.files(below: "Sources/BetIngest", ending: ".swift") {
            let folder = String(path.split(separator: "/")[2])
            guard Self.folders[folder] != nil else { continue }
            let text = try Repository.text(path).replacing(#/\/\/.*/#, with: "")
            files.append((folder, path, text))
            for match in text.matches(of: #/(?m)^(?:final )?(?:struct|class|enum|protocol) ([A-Z]\w+)/#) {
                folderOfType[String(match.1)] = folder
            }
        }
        #expect(Set(files.map(\.folder)) == Set(Self.folders.keys) && folderOfType.count > 20)
        for (folder, path, text) in files {
            for word in Set(text.matches(of: #/(?:^|[^.\w])([A-Z]\w+)/#).map { String($0.1) }) {
                guard let other = folderOfType[word], other != folder else { continue }
                #expect(Self.folders[folder]?.contains(other) == true, "\(path) in \(folder) uses \(word) of \(other)")
            }
        }
    }

    @Test("every package has an exact version, the same for the fuzzers")
    func versions() throws {
        func versions(_ manifest: String) throws -> [String: String] {
            let text = try Repository.text(manifest)
            let packages = text.matches(of: #/\.package\(url: "([^"]+)", exact: "([^"]+)"(?:, traits: \[\])?\)/#)
            #expect(packages.count == text.matches(of: #/\.package\(url:/#).count, "\(manifest)")
            return Dictionary(uniqueKeysWithValues: packages.map { (String($0.1), String($0.2)) })
        }
        let shipped = try versions("Package.swift")
        for (package, version) in try versions("Fuzzing/Package.swift") {
            #expect(shipped[package] == version, "\(package)")
        }
    }

    @Test("each folder of tests has the name of the folder of sources that it tests")
    func testFolders() throws {
        let places = [
            ("Tests/SharedTests", "Sources/Shared"), ("Tests/BetIngestTests", "Sources/BetIngest"),
            ("Tests/AgencyTests", "Sources/Agency"), ("Tests/WinnersServiceTests", "Sources/WinnersService"),
        ]
        for (tests, sources) in places {
            for path in Repository.files(below: tests, ending: ".swift") {
                let folder = path.dropFirst(tests.count + 1).split(separator: "/").dropLast().joined(separator: "/")
                let place = folder.isEmpty ? sources : "\(sources)/\(folder)"
                #expect(FileManager.default.fileExists(atPath: "\(Repository.root)/\(place)"), "\(path): no \(place)")
                #expect(!folder.isEmpty || sources == "Sources/WinnersService", "\(path) is in no room")
            }
        }
    }
}
