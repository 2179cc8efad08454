import Foundation
import Glibc
import Platform
import TestKit
import Testing

/// The commands of the README, run as they are printed, in a folder that looks like a clone after `make`.
@Suite(.serialized)
struct ReadmeTests {
    /// A command of a console block and the output below it; a line `…` replaces omitted lines.
    private struct Step {
        var command: String
        var printed: [String] = []
    }

    /// Reads the steps of the console block below a heading of the README.
    private func steps(below heading: String) throws -> [Step] {
        var steps: [Step] = []
        var (isBelow, isInside) = (false, false)
        for line in try Repository.text("README.md").split(separator: "\n", omittingEmptySubsequences: false) {
            if line.hasPrefix("## ") { isBelow = line == "## \(heading)" }
            if isBelow, line == "```console" {
                isInside = true
            } else if isInside, line == "```" {
                break
            } else if isInside, line.hasPrefix("$ ") {
                steps.append(Step(command: String(line.dropFirst(2))))
            } else if isInside, !steps.isEmpty {
                steps[steps.count - 1].printed.append(String(line))
            }
        }
        return steps
    }

    /// Runs the steps in one shell.
    ///
    /// The programs are those that the tests were built with, so `make` is skipped.
    ///
    /// - Returns: for each step, its exit code and the lines of its standard output.
    private func run(
        _ steps: [Step], environment: [String: String], in folder: TemporaryFolder
    ) throws -> [(code: Int32, output: [String])] {
        let files = FileManager.default
        for name in ["Makefile", "scripts", "config.yaml", "data"] {
            try files.copyItem(atPath: Repository.root + "/" + name, toPath: folder.path + "/" + name)
        }
        try? files.removeItem(atPath: folder.path + "/data/draws")
        try files.createDirectory(atPath: folder.path + "/.build", withIntermediateDirectories: false)
        try files.createSymbolicLink(
            atPath: folder.path + "/.build/release", withDestinationPath: TestProgram.folder)
        let mark = "exit code of step"
        var script = "trap 'kill $(jobs -p) 2>/dev/null' EXIT\n"
        for step in steps {
            script += step.command == "make" ? ":\n" : step.command + "\n"
            script += "echo \"\n\(mark) $?\"\n"
        }
        let file = try folder.write("session.sh", Array(script.utf8))
        // timeout(1) ends the services too when the session never returns.
        let shell = try TestProgram(
            "/usr/bin/env", ["timeout", "--kill-after=5", "60", "bash", file], environment: environment,
            in: folder.path)
        let code = try shell.waitForExit(seconds: 90)
        try #require(code == 0, "the session did not end\n\(shell.standardOutput)\n\(shell.log)")
        var results: [(code: Int32, output: [String])] = []
        var lines: [String] = []
        for line in shell.standardOutput.split(separator: "\n", omittingEmptySubsequences: false) {
            if line.hasPrefix(mark) {
                results.append((Int32(line.split(separator: " ").last ?? "") ?? -1, lines))
                lines = []
            } else {
                lines.append(String(line))
            }
        }
        return results
    }

    /// Checks that each step succeeded and printed what the README shows.
    private func compare(_ steps: [Step], _ results: [(code: Int32, output: [String])]) {
        #expect(results.count == steps.count)
        for (step, result) in zip(steps, results) {
            #expect(result.code == 0, "$ \(step.command)\n\(result.output.joined(separator: "\n"))")
            guard step.command != "make" else { continue }
            for line in step.printed where line != "…" {
                #expect(result.output.contains(line), "$ \(step.command)\n\(result.output.joined(separator: "\n"))")
            }
            // The README omits lines only if it has a `…`.
            let printedCount = result.output.filter { !$0.isEmpty }.count
            #expect(step.printed.contains("…") || printedCount == step.printed.count, "\(step.command)")
        }
    }

    /// Finds a port that no other test takes: their clients connect from 127.0.0.1, this is 127.0.0.3.
    private func freeEndpoint() throws -> Endpoint {
        let fd = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(fd) }
        try #require(TestSocket.call(bind, fd, host: "127.0.0.3", port: 0) == 0)
        var address = sockaddr_in()
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let code = withUnsafeMutablePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(fd, $0, &length) }
        }
        try #require(code == 0)
        return try #require(Endpoint("127.0.0.3:\(UInt16(bigEndian: address.sin_port))"))
    }

    /// Replaces the two ports, which have their defaults in the README.
    private func environment() throws -> [String: String] {
        let (ingest, winners) = (try freeEndpoint(), try freeEndpoint())
        return [
            "QUINIELA_INGEST_LISTEN": "\(ingest)", "QUINIELA_INGEST_ADDRESS": "\(ingest)",
            "QUINIELA_WINNERS_LISTEN": "\(winners)", "QUINIELA_WINNERS_ADDRESS": "\(winners)",
            // Without these, a make inside another, as in `make check`, prints the folder that it enters.
            "MAKELEVEL": "0", "MAKEFLAGS": "",
        ]
    }

    @Test("the session prints what the README shows, and every command in it succeeds")
    func session() throws {
        let folder = try TemporaryFolder()
        let steps = try steps(below: "A session")
        #expect(steps.count > 6 && steps.first?.command == "make")
        let results = try run(steps, environment: try environment(), in: folder)
        compare(steps, results)
        let rows = try String(contentsOfFile: folder.path + "/bets.csv", encoding: .utf8)
        #expect(rows.split(separator: "\r\n").count == 3000)
        for log in ["ingest.log", "winners.log"] {
            let text = try String(contentsOfFile: folder.path + "/" + log, encoding: .utf8)
            #expect(text.contains("action: exit | result: success | code: 0"), "\(log):\n\(text)")
        }
    }

    @Test("the doctor's session prints what the README shows, and every command in it succeeds")
    func doctor() throws {
        let folder = try TemporaryFolder()
        // A dialect's port has no default: the endpoint is the only change to the README's commands.
        let endpoint = try freeEndpoint()
        let steps = try steps(below: "Agencies that already exist").map { step in
            var moved = step
            moved.command = step.command.replacing("0.0.0.0:12355", with: "\(endpoint)")
            moved.command = moved.command.replacing("127.0.0.1:12355", with: "\(endpoint)")
            return moved
        }
        #expect(steps.filter { $0.command.contains("\(endpoint)") }.count == 2)
        compare(steps, try run(steps, environment: try environment(), in: folder))
    }
}
