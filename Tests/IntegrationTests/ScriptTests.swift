import Foundation
import Glibc
import TestKit
import Testing

/// The scripts at the root and `make`'s targets, as users run them.
struct ScriptTests {
    private static let shells = ["sh", "dash", "bash"].compactMap { name in
        ["/bin/", "/usr/bin/"].map { $0 + name }.first { access($0, X_OK) == 0 }
    }

    /// Copies files of the repository into a temporary folder, so that scripts write nothing elsewhere.
    private func copy(_ names: [String], below name: String = "clone") throws -> (TemporaryFolder, String) {
        let folder = try TemporaryFolder()
        let root = folder.path + "/" + name
        for file in names {
            let target = URL(fileURLWithPath: root + "/" + file)
            try FileManager.default.createDirectory(
                at: target.deletingLastPathComponent(), withIntermediateDirectories: true)
            try FileManager.default.copyItem(atPath: Repository.root + "/" + file, toPath: target.path)
        }
        return (folder, root)
    }

    /// Writes a shell script that replaces a program.
    private func write(_ path: String, _ script: String) throws {
        let url = URL(fileURLWithPath: path)
        try FileManager.default.createDirectory(
            at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
        try Data("#!/bin/sh\n\(script)\n".utf8).write(to: url)
        chmod(path, 0o755)
    }

    private func names(in folder: String) throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: folder).sorted()
    }

    // MARK: - generar-compose.sh

    @Test("docker/compose.yaml is the output of generar-compose.sh for 5", arguments: shells)
    func compose(_ shell: String) throws {
        let (folder, root) = try copy(["generar-compose.sh"])
        try FileManager.default.createDirectory(atPath: root + "/docker", withIntermediateDirectories: false)
        let run = try TestProgram(shell, ["./generar-compose.sh", "docker/compose.yaml", "5"], in: root)
        #expect(try run.waitForExit() == 0, "\(run.log)")
        let written = try String(contentsOfFile: root + "/docker/compose.yaml", encoding: .utf8)
        #expect(written == (try Repository.text("docker/compose.yaml")))
        #expect(try names(in: root + "/docker") == ["compose.yaml"])
        withExtendedLifetime(folder) {}
    }

    @Test("generar-compose.sh writes only the services for 0", arguments: shells)
    func composeServices(_ shell: String) throws {
        let folder = try TemporaryFolder()
        let file = folder.path + "/compose.yaml"
        let run = try TestProgram(
            shell, [Repository.root + "/generar-compose.sh", file, "0"], in: folder.path)
        #expect(try run.waitForExit() == 0, "\(run.log)")
        let text = try String(contentsOfFile: file, encoding: .utf8)
        #expect(
            text.contains("  ingest:\n") && text.contains("  winners:\n")
                && text.hasSuffix("volumes:\n  data:\n  control:\n"))
        // config.yaml then gives the number of agencies.
        #expect(!text.contains("client") && !text.contains("QUINIELA_AGENCIES"))
    }

    @Test("generar-compose.sh quotes a path for YAML and for compose", arguments: shells)
    func composePaths(_ shell: String) throws {
        let (folder, root) = try copy(["generar-compose.sh"], below: #"a: b #c $HOME "d" \e"#)
        let file = folder.path + "/compose.yaml"
        let run = try TestProgram(shell, [root + "/generar-compose.sh", file, "1"], in: folder.path)
        #expect(try run.waitForExit() == 0, "\(run.log)")
        let text = try String(contentsOfFile: file, encoding: .utf8)
        let quoted = URL(fileURLWithPath: folder.path).resolvingSymlinksInPath().path + #"/a: b #c $$HOME \"d\" \\e"#
        #expect(text.contains("  source: \"\(quoted)/config.yaml\"\n"), "\(text)")
        #expect(text.contains("  source: \"${QUINIELA_DATASET:-\(quoted)/data}/agency-1.csv\"\n"), "\(text)")
    }

    @Test("a failed generar-compose.sh leaves the file unchanged", arguments: shells)
    func composeFails(_ shell: String) throws {
        let folder = try TemporaryFolder()
        let file = try folder.write("compose.yaml", Array("mine\n".utf8))
        let script = Repository.root + "/generar-compose.sh"
        for (number, code) in [("05", 64), ("-1", 64), ("x", 64), ("", 64), ("1000000", 64)] as [(String, Int32)] {
            let run = try TestProgram(shell, [script, file, number], in: folder.path)
            #expect(try run.waitForExit() == code && run.log.contains("N is \"\(number)\""), "\(run.log)")
        }
        // A file may have at most one block, as on a full disk.
        let run = try TestProgram(
            shell, ["-c", "ulimit -f 1; exec \"$@\"", "-", shell, script, file, "50"], in: folder.path)
        #expect(try run.waitForExit() != 0)
        #expect(try String(contentsOfFile: file, encoding: .utf8) == "mine\n")
        #expect(try names(in: folder.path) == ["compose.yaml"])
    }

    // MARK: - validar-echo-server.sh

    @Test("validar-echo-server.sh prints whether the line was sent back", arguments: shells)
    func validate(_ shell: String) throws {
        let (folder, root) = try copy(["validar-echo-server.sh"])
        for (netcat, code, result) in [("cat", 0, "success"), ("echo other", 1, "fail"), ("exit 1", 1, "fail")]
            as [(String, Int32, String)]
        {
            try write(root + "/scripts/containers", "[ \"$*\" = \"netcat ingest 12356\" ] || exit 9\n\(netcat)")
            let run = try TestProgram(shell, ["clone/validar-echo-server.sh"], in: folder.path)
            #expect(try run.waitForExit() == code, "\(run.log)")
            #expect(run.standardOutput == "action: test_echo_server | result: \(result)" && run.log.isEmpty)
        }
    }

    // MARK: - scripts/demo

    private func demo(
        _ shell: String = "/bin/bash", files: String, in folder: TemporaryFolder, _ environment: [String: String] = [:]
    ) throws -> TestProgram {
        let own = ["QUINIELA_DATASET": files, "TMPDIR": folder.path, "PROGRAMS": TestProgram.folder]
        return try TestProgram(
            shell, [Repository.root + "/scripts/demo"], environment: own.merging(environment) { $1 }, in: folder.path)
    }

    /// Makes a folder with two agency files and files with similar names.
    private func dataset() throws -> TemporaryFolder {
        let folder = try TemporaryFolder()
        for id in 4...5 {
            let rows = Array(try Repository.text("data/agency-\(id).csv").utf8)
            _ = try folder.write("agency-\(id - 3).csv", rows)
        }
        for name in [
            "agency-1.csv.refused.csv", "agency-1.csv.rejected.csv", "agency-1.csv.invalid.csv",
            "agency-1 (copy).csv", "agency-foo.csv", "agency-01.csv", "agency-.csv", "agency-3.csv~", "my agency-3.csv",
        ] {
            _ = try folder.write(name, [])
        }
        try FileManager.default.createDirectory(
            atPath: folder.path + "/agency-3.csv", withIntermediateDirectories: false)
        return folder
    }

    @Test("the demo reads only agency files and writes nothing beside them", arguments: shells)
    func demoFiles(_ shell: String) throws {
        let (files, folder) = (try dataset(), try TemporaryFolder())
        let before = try names(in: files.path)
        let run = try demo(shell, files: files.path, in: folder)
        #expect(try run.waitForExit() == 0, "\(run.log)")
        #expect(run.standardOutput.contains("2 agencies of "), "\(run.standardOutput)")
        #expect(run.standardOutput.contains("40110537 43788841"), "\(run.standardOutput)")
        #expect(try names(in: files.path) == before)
        #expect(try names(in: folder.path) == [])
    }

    @Test("KEEP=1 keeps the demo's folder and prints its path")
    func demoKept() throws {
        let (files, folder) = (try dataset(), try TemporaryFolder())
        let run = try demo(files: files.path, in: folder, ["KEEP": "1"])
        #expect(try run.waitForExit() == 0, "\(run.log)")
        let kept = try #require(run.standardOutput.split(separator: "\n").last { $0.hasPrefix("kept: ") }).dropFirst(6)
        #expect(try names(in: kept + "/data/draws/default").contains("bets.ledger"))
    }

    /// Makes a folder of the three programs, of which one runs `script` first.
    private func programs(_ name: String, _ script: String, in folder: TemporaryFolder) throws -> String {
        let programs = folder.path + "/programs"
        for program in ["bet-ingest", "winners-service", "agency"] {
            let real = TestProgram.folder + "/" + program
            try write(programs + "/" + program, (program == name ? script + "\n" : "") + "exec '\(real)' \"$@\"")
        }
        return programs
    }

    @Test("a failed agency ends the demo at once, and the demo names it and the reason")
    func demoAgencyFails() throws {
        let (files, folder) = (try dataset(), try TemporaryFolder())
        let script = "[ \"$2\" != 2 ] || { echo no such luck >&2; exit 70; }"
        let run = try demo(
            files: files.path, in: folder, ["PROGRAMS": try programs("agency", script, in: folder)])
        // The other agency would wait a day for the draw.
        #expect(try run.waitForExit() == 70, "\(run.log)")
        #expect(run.log.contains("demo: agency-2 ended with exit code 70"), "\(run.log)")
        #expect(run.log.contains("  no such luck"), "\(run.log)")
        #expect(run.standardOutput.contains("kept: \(folder.path)/quiniela-demo."), "\(run.standardOutput)")
    }

    @Test("a failed service ends the demo at once", arguments: ["bet-ingest", "winners-service"])
    func demoServiceFails(_ service: String) throws {
        let (files, folder) = (try dataset(), try TemporaryFolder())
        let run = try demo(
            files: files.path, in: folder, ["PROGRAMS": try programs(service, "exit 78", in: folder)])
        #expect(try run.waitForExit() == 78, "\(run.log)")
        #expect(run.log.contains("demo: \(service) ended with exit code 78"), "\(run.log)")
    }

    @Test("the demo names the file that is missing from a folder of agency files")
    func demoGap() throws {
        let (files, folder) = (try dataset(), try TemporaryFolder())
        _ = try files.write("agency-4.csv", [])
        var run = try demo(files: files.path, in: folder)
        #expect(try run.waitForExit() == 65 && run.log.contains("agency-4.csv but no agency-3.csv"), "\(run.log)")
        run = try demo(files: folder.path, in: folder)
        #expect(try run.waitForExit() == 65 && run.log.contains("is called agency-<number>.csv"), "\(run.log)")
        run = try demo(files: folder.path + "/nothing", in: folder)
        #expect(try run.waitForExit() == 65 && run.log.contains("there is no folder"), "\(run.log)")
    }
}
