import Foundation
import Platform
import Shell
import TestKit
import Testing

/// Start of the programs: arguments, configuration, descriptors, environment, terminal.
struct CommandLineTests {
    private func run(_ script: String, environment: [String: String] = [:]) throws -> ShellScript {
        try ShellScript(script, in: try TemporaryFolder(), environment: environment)
    }

    @Test("each program prints the version of git", arguments: ["bet-ingest", "winners-service", "agency"])
    func version(_ program: String) throws {
        let script = try run("\(program) --version")
        #expect(script.code == 0 && script.output.contains(#/^\S+\n$/#), "\(script)")
        // A commit may follow the build, so this checks that there is a version, not which.
        let git = try run("git -C \(Repository.root) describe --tags --always || echo unknown").output
        #expect((git == "unknown\n") == (script.output == "unknown\n"), "\(script)")
    }

    @Test("the first line of a log names the version")
    func versionInLog() throws {
        let script = try run("bet-ingest --version; bet-ingest --data /proc/nothing --listen 127.0.0.1:0")
        let first = script.errors.split(separator: "\n").first ?? ""
        let version = script.output.split(separator: "\n").first ?? ""
        #expect(
            first.hasSuffix("INFO     action: start | result: success | program: bet-ingest | version: \(version)"),
            "\(script)")
    }

    /// Only programs with Swift's library linked in can lose them: test those of `make` with PROGRAMS=FOLDER.
    @Test("arguments survive a preloaded library that changes the environment before main")
    func preloadedEnvironment() throws {
        #expect(ProcessStart.arguments(known: []) == Array(CommandLine.arguments.dropFirst()))
        let preload = ["FAULT_SHIM_SETENV": "1"]
        let script = try run("LD_PRELOAD=$SHIM timeout 20 bet-ingest --version", environment: preload)
        #expect(script.code == 0 && script.output.contains(#/^\S+\n$/#), "\(script)")
        let two = try run("LD_PRELOAD=$SHIM timeout 20 bet-ingest status --data 'a b' --draw x", environment: preload)
        #expect(two.code == 0 && two.output.hasPrefix("draw x: nothing yet") && two.output.contains("/a b/"), "\(two)")
    }

    @Test("closed descriptors 0 to 2 become /dev/null, never a file of the draw")
    func closedDescriptors() throws {
        let files = try DrawFiles(bets: 2)
        let script = try files.run(
            """
            bet-ingest --data d --listen 127.0.0.1:0 --set agencies=2 <&- >&- 2>&- &
            until grep -q "process $!" d/ingest.lock; do sleep 0.02; done
            for fd in 0 1 2; do readlink /proc/$!/fd/$fd; done
            kill $!; wait $!; echo $?
            bet-ingest verify --data d >/dev/null; echo $?
            bet-ingest export --data d -o out.csv <&- >&- 2>&-; wc -l <out.csv
            """)
        #expect(script.output == "/dev/null\n/dev/null\n/dev/null\n0\n0\n4\n", "\(script)")
    }

    @Test("a configuration from a pipe, a FIFO or standard input is read to its end")
    func pipedConfiguration() throws {
        let script = try run(
            """
            set -e
            bet-ingest status --check --config <(echo 'draw: {winningNumber: 12}') | grep winningNumber
            mkfifo fifo; echo 'draw: {winningNumber: 13}' >fifo & bet-ingest status --check --config fifo | grep winningNumber
            (for i in $(seq 20000); do echo "# $i"; done; echo 'draw: {winningNumber: 14}') |
              QUINIELA_CONFIG=/dev/stdin bet-ingest status --check | grep winningNumber
            """)
        let rows = script.output.split(separator: "\n").map { $0.split(separator: " ").map(String.init) }
        #expect(rows.map { $0[1] } == ["12", "13", "14"], "\(script)")
        let garbage = try run("bet-ingest status --config <(echo 'garbage: [')")
        #expect(garbage.code == 78, "\(garbage)")
        let empty = try run("bet-ingest status --config <(false)")
        #expect(empty.code == 78 && empty.errors.contains("the file is empty"), "\(empty)")
        #expect(try run("bet-ingest status --config /dev/null").code == 0)
    }

    @Test(
        "--check prints every key with its value and where it comes from, in every command",
        arguments: ["bet-ingest", "bet-ingest verify", "winners-service", "agency", "agency bet"])
    func check(_ command: String) throws {
        let script = try run(
            "echo 'agencies: 7' >config.yaml; QUINIELA_INGEST_WORKERS=3 \(command) --check --data x --set log.format=json"
        )
        #expect(script.code == 0, "\(script)")
        let rows = script.output.split(separator: "\n").map { $0.split(separator: " ").map(String.init) }
        #expect(rows.count == ConfigurationKey.all.count + 2)
        for row in [
            ["agencies", "7", "config.yaml:1"], ["ingest.workers", "3", "QUINIELA_INGEST_WORKERS"],
            ["ingest.window", "32", "default"], ["log.format", "json", "--set"],
        ] {
            #expect(rows.contains(row), "\(row) in \(script)")
        }
        #expect(rows.contains { $0[0] == "data" && $0[1].hasPrefix("/") && $0[1].hasSuffix("/x") && $0[2] == "--data" })
        let faulty = try run("\(command) --check --set agencies=0")
        #expect(faulty.code == 78 && faulty.output.isEmpty && faulty.errors.contains("--set: agencies is \"0\""))
    }

    @Test(
        "a service with an unknown key, a bad value or a path with ~ does not start",
        arguments: [
            "--set ingest.wrokers=1", "--set ingest.workers=0", "--data '~/q'", "--data ''", "--set data=",
        ])
    func refusedConfiguration(_ arguments: String) throws {
        for program in ["bet-ingest", "winners-service"] {
            let script = try run("timeout 20 \(program) --listen 127.0.0.1:0 \(arguments)")
            #expect(script.code == 78 && script.errors.hasPrefix("Error: --"), "\(script)")
        }
    }

    @Test("--set with an empty value closes a dialect's port")
    func closedPort() throws {
        let script = try run(
            "QUINIELA_DIALECTS_PIPE=127.0.0.1:1 bet-ingest --check --set dialects.pipe=; bet-ingest --check --set agencies"
        )
        #expect(script.output.contains(#/dialects\.pipe +--set/#), "\(script)")
        #expect(script.code == 78 && script.errors.contains("--set agencies: key=value is expected"), "\(script)")
    }

    @Test("Kubernetes' variables are ignored, a misspelt one is an error, any other a warning")
    func environment() throws {
        let kubernetes = [
            "QUINIELA_SERVICE_HOST": "10.0.0.7", "QUINIELA_SERVICE_PORT": "12345",
            "QUINIELA_PORT": "tcp://10.0.0.7:12345",
            "QUINIELA_PORT_12345_TCP_ADDR": "10.0.0.7", "QUINIELA_INGEST_SERVICE_HOST": "10.0.0.8",
        ]
        let script = try run("bet-ingest status --data d", environment: kubernetes)
        #expect(script.code == 0 && script.errors.isEmpty, "\(script)")
        let misspelt = try run("bet-ingest status", environment: ["QUINIELA_AGENCES": "3"])
        #expect(misspelt.code == 78 && misspelt.errors.contains("did you mean QUINIELA_AGENCIES?"), "\(misspelt)")
        let other = try run(
            "bet-ingest --data /proc/nothing --listen 127.0.0.1:0", environment: ["QUINIELA_IMAGE": "x|y"])
        #expect(other.errors.contains("WARNING  action: config | result: fail | error: QUINIELA_IMAGE: "), "\(other)")
    }

    @Test("requested INFO lines are written on a terminal too; otherwise a bar replaces them")
    func terminal() throws {
        let services = try Services(agencies: 2)
        let other = try services.agency(2, file: try services.folder.write("b.csv", Self.rows(1)))
        let command =
            "agency --id 1 --file a.csv --set ingest.address=\(services.ingestAddress) "
            + "--set winners.address=\(services.winnersAddress)"
        _ = try services.folder.write("a.csv", Self.rows(3))
        let asked = try ShellScript(
            "script -qec \"\(command) --set log.level=INFO\" /dev/null", in: services.folder)
        #expect(asked.code == 0 && asked.output.contains("action: apuesta_enviada"), "\(asked)")
        #expect(asked.output.contains("action: consulta_ganadores"))
        #expect(try other.waitForExit() == 0)
        let notAsked = try ShellScript("script -qec \"\(command)\" /dev/null", in: services.folder)
        #expect(notAsked.code == 0 && !notAsked.output.contains("action:"), "\(notAsked)")
        try services.stop()
    }

    private static func rows(_ count: Int) -> [UInt8] {
        (0..<count).flatMap { Array("Ana,Paz,3090\(1000 + $0),1999-03-17,\($0)\r\n".utf8) }
    }

    @Test("status lists the agencies of the seal and every agency that has sent bets")
    func status() throws {
        let files = try DrawFiles(bets: 2)
        for agencies in [1, 2, 5] {
            let script = try files.run("bet-ingest status --data d --set agencies=\(agencies)")
            #expect(script.output.contains("published, 2 of 2 agencies finished, 4 bets"), "\(script)")
            #expect(script.output.split(separator: "\n").count == 5, "\(script)")
        }
        let open = try DrawFiles(bets: 2, isUnfinished: true)
        let script = try open.run("bet-ingest status --data d --set agencies=1")
        #expect(
            script.output.contains("open, 1 of 2 agencies finished") && script.output.contains("sending"), "\(script)")
    }
}
