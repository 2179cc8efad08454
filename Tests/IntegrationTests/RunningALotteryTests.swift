import Foundation
import Glibc
import Platform
import TestKit
import Testing

/// The commands of docs/running-a-lottery.md, run as they are printed, in one folder and on one day.
@Suite(.serialized)
struct RunningALotteryTests {
    /// A fenced block of the page.
    private struct Block {
        var language: Substring
        var lines: [String] = []
    }

    /// A command of a console block and the output below it; a line `…` replaces omitted lines, `…` in a line any text.
    private struct Step {
        var command: String
        var printed: [String] = []
    }

    /// The day on which the page is run: its calendar opens at 00:05 and closes from 10:05, so it is one o'clock.
    private struct Day {
        static let pageDates = ["2026-12-24", "2026-12-25"]
        static let pageZone = "America/Argentina/Buenos_Aires"

        /// The time zone in which it is between one and two in the morning: no cut-off of the page has passed.
        let zone: String
        private let dates: [String]

        init() {
            let now = Int(Date().timeIntervalSince1970)
            let offset = (1 - now / 3600 % 24 + 36) % 24 - 12
            // POSIX counts the hours west of Greenwich.
            zone = offset == 0 ? "UTC" : "Etc/GMT\(offset > 0 ? "-" : "+")\(abs(offset))"
            dates = [0, 86_400].map { later in
                var (seconds, local) = (time_t(now + offset * 3600 + later), tm())
                gmtime_r(&seconds, &local)
                func two(_ value: Int32) -> String { (value < 10 ? "0" : "") + "\(value)" }
                return "\(local.tm_year + 1900)-\(two(local.tm_mon + 1))-\(two(local.tm_mday))"
            }
        }

        /// Replaces the dates of the page by today and tomorrow.
        func today(_ text: String) -> String {
            zip(Self.pageDates, dates).reduce(text) { $0.replacing($1.0, with: $1.1) }
        }

        /// Replaces today and tomorrow by the dates of the page.
        func page(_ text: String) -> String {
            zip(dates, Self.pageDates).reduce(text) { $0.replacing($1.0, with: $1.1) }
        }
    }

    /// The conditions for which the script waits before a command; a reader would look at the screen.
    private static let waits: [(command: String, wait: String)] = [
        (#"bet-ingest draws; echo "exit code $?""#, "until_served; fresh"),
        (
            #"bet-ingest status --draw 2026-12-24-previa; echo "exit code $?""#,
            "until_event 2026-12-24-previa sealed; fresh"
        ),
        ("sort previa.txt", "until [ $(wc -l <previa.txt) -eq 3 ]; do tick; done"),
        ("bet-ingest draw close 2026-12-24-primera --yes", "until_finished 2026-12-24-primera 2"),
        ("bet-ingest draw number 2026-12-24-primera --number 7547", "until_event 2026-12-24-primera sealed"),
        ("bet-ingest draw cut-off 2026-12-24-matutina 15:10", "until_finished 2026-12-24-matutina 2"),
        (
            "agency --id 3 --draw 2026-12-24-matutina --file files/agency-3.csv 2>late.log; echo \"exit code $?\"",
            "until_event 2026-12-24-matutina sealed"
        ),
        (
            #"bet-ingest draw void 2026-12-24-vespertina --reason "the drum is broken" --yes"#,
            "until_finished 2026-12-24-vespertina 1"
        ),
        (
            "head -n 1 data/draws/2026-12-24-vespertina/refunds.csv",
            "until [ -e data/draws/2026-12-24-vespertina/refunds.csv ]; do tick; done"
        ),
        (
            "kill -9 %?serve",
            "bet-ingest draw cut-off 2026-12-24-nocturna $(soon) >/dev/null; past=$(($(date +%s) + 6))"
        ),
        ("bet-ingest serve 2>>ingest.log &", "until [ $(date +%s) -ge ${past:-0} ]; do tick; done"),
        ("bet-ingest events --draw 2026-12-24-nocturna", "until_event 2026-12-24-nocturna sealed"),
    ]

    /// The functions of the script.
    ///
    /// `fresh` waits because the service keeps a reply on its control socket for a second.
    private static let functions = #"""
        trap 'kill $(jobs -p) 2>/dev/null' EXIT
        tick() { read -rt 0.05 <> <(:) || :; }
        fresh() { read -rt 1.1 <> <(:) || :; }
        soon() { TZ=$zone date -d '4 seconds' +%T; }
        until_served() { until [ -S data/control/ingest.sock ] && bet-ingest draws | grep -q running; do tick; done; }
        until_event() { until bet-ingest events --draw "$1" | grep -q "$2"; do tick; done; }
        until_finished() { until bet-ingest status --draw "$1" | grep -q "$2 of 3"; do tick; done; }
        command -v socat >/dev/null || socat() {
          python3 -c 'import socket, sys
        peer = socket.socket(socket.AF_UNIX)
        peer.connect(sys.argv[1])
        peer.sendall(sys.stdin.buffer.read())
        peer.shutdown(socket.SHUT_WR)
        sys.stdout.write(peer.makefile().readline())' "${2#UNIX-CONNECT:}"
        }

        """#

    // MARK: The page

    private func blocks() throws -> [Block] {
        var blocks: [Block] = []
        var isInside = false
        let text = try Repository.text("docs/running-a-lottery.md")
        for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
            if line.hasPrefix("```") {
                isInside.toggle()
                if isInside { blocks.append(Block(language: line.dropFirst(3))) }
            } else if isInside {
                blocks[blocks.count - 1].lines.append(String(line))
            }
        }
        return blocks
    }

    private func steps(_ blocks: [Block]) -> [Step] {
        var steps: [Step] = []
        for line in blocks.filter({ $0.language == "console" }).flatMap(\.lines) {
            if line.hasPrefix("$ ") {
                steps.append(Step(command: String(line.dropFirst(2))))
            } else if !steps.isEmpty {
                steps[steps.count - 1].printed.append(line)
            }
        }
        return steps
    }

    /// Writes config.yaml and calendar.yaml: the blocks whose first line is a comment with the name.
    private func writeFiles(_ blocks: [Block], _ day: Day, in folder: TemporaryFolder) throws {
        let files = blocks.filter { $0.language == "yaml" }
        #expect(files.compactMap(\.lines.first) == ["# config.yaml", "# calendar.yaml"])
        for file in files {
            let text = day.today(file.lines.joined(separator: "\n") + "\n")
                .replacing(Day.pageZone, with: day.zone).replacing("mon-sat", with: "mon-sun")
                // The test is one user.
                .replacing("fourEyes: true", with: "fourEyes: false")
            _ = try folder.write(String(file.lines[0].dropFirst(2)), Array(text.utf8))
        }
    }

    // MARK: The run

    /// Runs the steps in one shell.
    ///
    /// - Returns: for each step, its exit code and the lines of its standard output.
    private func run(
        _ steps: [Step], _ day: Day, in folder: TemporaryFolder
    ) throws -> [(code: Int32, output: [String])] {
        let mark = "exit code of step"
        var script = "zone=\(day.zone)\n" + Self.functions
        for step in steps {
            for wait in Self.waits where wait.command == step.command { script += day.today(wait.wait) + "\n" }
            let command = step.command.replacing("matutina 15:10", with: "matutina $(soon)")
            script += day.today(command) + "\necho \"\n\(mark) $?\"\n"
        }
        let (ingest, winners) = (try freeEndpoint(), try freeEndpoint())
        let environment = [
            "QUINIELA_INGEST_LISTEN": "\(ingest)", "QUINIELA_INGEST_ADDRESS": "\(ingest)",
            "QUINIELA_WINNERS_LISTEN": "\(winners)", "QUINIELA_WINNERS_ADDRESS": "\(winners)",
        ]
        let shell = try ShellScript(script, in: folder, environment: environment, seconds: 90)
        #expect(shell.code == 0, "\(shell)")
        var results: [(code: Int32, output: [String])] = []
        var lines: [String] = []
        // A file of bets has CR LF, which is one character.
        let printed = shell.output.replacing("\r\n", with: "\n")
        for line in printed.split(separator: "\n", omittingEmptySubsequences: false) {
            if line.hasPrefix(mark) {
                results.append((Int32(line.split(separator: " ").last ?? "") ?? -1, lines))
                lines = []
            } else {
                lines.append(String(line))
            }
        }
        return results
    }

    /// Finds a port that no other test takes: their clients connect from 127.0.0.1, this is 127.0.0.4.
    private func freeEndpoint() throws -> Endpoint {
        let fd = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(fd) }
        try #require(TestSocket.call(bind, fd, host: "127.0.0.4", port: 0) == 0)
        var address = sockaddr_in()
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let code = withUnsafeMutablePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(fd, $0, &length) }
        }
        try #require(code == 0)
        return try #require(Endpoint("127.0.0.4:\(UInt16(bigEndian: address.sin_port))"))
    }

    // MARK: The comparison

    /// Replaces what differs from run to run: instants, local times, weekdays, durations, hashes, widths of columns.
    private func plain(_ line: String) -> String {
        line.replacing(#/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{3})?Z/#, with: "<instant>")
            .replacing(#/\d{4}-\d\d-\d\d \d\d:\d\d(:\d\d)? [-+A-Z0-9]+/#, with: "<time>")
            .replacing(#/ (mon|tue|wed|thu|fri|sat|sun) /#, with: " <day> ")
            .replacing(#/\b\d+ (ms|s|bytes|events)\b/#) { "<n> \($0.1)" }
            .replacing(#/\b[0-9a-f]{64}\b/#, with: "<hash>")
            .replacing(#/─+/#, with: "─").replacing(#/ +/#, with: " ").replacing(#/ $/#, with: "")
    }

    /// Whether a line is one of the page, in which `…` stands for any text.
    private func matches(_ line: String, _ pattern: String) -> Bool {
        let parts = pattern.components(separatedBy: "…")
        guard parts.count > 1 else { return line == pattern }
        guard line.hasPrefix(parts[0]), line.hasSuffix(parts[parts.count - 1]) else { return false }
        var rest = line.dropFirst(parts[0].count)
        for part in parts.dropFirst().dropLast() where !part.isEmpty {
            guard let range = rest.firstRange(of: part) else { return false }
            rest = rest[range.upperBound...]
        }
        return rest.hasSuffix(parts[parts.count - 1])
    }

    /// Checks that each step succeeded and printed what the page shows.
    private func compare(_ steps: [Step], _ results: [(code: Int32, output: [String])], _ day: Day, _ folder: String) {
        #expect(results.count == steps.count)
        for (step, result) in zip(steps, results) {
            let shown = "$ \(step.command)\n\(result.output.joined(separator: "\n"))"
            #expect(result.code == 0, "\(shown)")
            let output = result.output.filter { !$0.isEmpty }
                .map { plain(day.page($0).replacing(folder, with: "/srv/quiniela")) }
            for line in step.printed where line != "…" {
                #expect(output.contains { matches($0, plain(line)) }, "\(line)\nis not printed:\n\(shown)")
            }
            // The page omits lines only if it has a `…`.
            #expect(step.printed.contains("…") || output.count == step.printed.count, "\(shown)")
        }
    }

    @Test("the day prints what the page shows, and every command in it succeeds")
    func day() throws {
        let (folder, day) = (try TemporaryFolder(), Day())
        let blocks = try blocks()
        let steps = steps(blocks)
        try writeFiles(blocks, day, in: folder)
        #expect(steps.count > 30)
        for wait in Self.waits {
            #expect(steps.contains { $0.command == wait.command }, "the page has no \(wait.command)")
        }
        compare(steps, try run(steps, day, in: folder), day, folder.path)
        for log in ["ingest.log", "winners.log"] {
            let text = try String(contentsOfFile: folder.path + "/" + log, encoding: .utf8)
            #expect(text.contains("action: exit | result: success | code: 0"), "\(log):\n\(text)")
        }
    }

    @Test("the blocks that need root are valid shell")
    func commandsOfRoot() throws {
        let folder = try TemporaryFolder()
        let blocks = try blocks().filter { $0.language == "sh" }
        #expect(blocks.count >= 3)
        for block in blocks {
            let text = block.lines.joined(separator: "\n")
            let shell = try ShellScript("bash -n <<'BLOCK'\n\(text)\nBLOCK\n", in: folder)
            #expect(shell.code == 0 && shell.errors.isEmpty, "\(text)\n\(shell)")
        }
    }

    @Test("the units of systemd run the programs that the page installs, with its configuration")
    func units() throws {
        let page = try Repository.text("docs/running-a-lottery.md")
        for (unit, program) in [
            ("bet-ingest", "bet-ingest serve"), ("winners-service", "winners-service"), ("console", "console"),
        ] {
            let text = try Repository.text("docs/systemd/\(unit).service")
            #expect(page.contains("docs/systemd/\(unit).service"))
            #expect(text.contains("ExecStart=/opt/quiniela/bin/\(program) --config /srv/quiniela/config.yaml "))
        }
        #expect(page.contains("/opt/quiniela/bin\n") && page.contains("/srv/quiniela/config.yaml"))
    }
}
