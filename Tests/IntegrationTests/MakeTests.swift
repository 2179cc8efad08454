import Foundation
import Glibc
import Storage
import TestKit
import Testing

/// Targets of the Makefile: what they remove, install and pass on.
struct MakeTests {
    /// Copies the Makefile and some scripts into a temporary folder, with nothing built.
    private func clone(_ names: [String]) throws -> TemporaryFolder {
        let folder = try TemporaryFolder()
        for name in ["Makefile"] + names {
            let target = URL(fileURLWithPath: folder.path + "/" + name)
            try FileManager.default.createDirectory(
                at: target.deletingLastPathComponent(), withIntermediateDirectories: true)
            try FileManager.default.copyItem(atPath: Repository.root + "/" + name, toPath: target.path)
        }
        return folder
    }

    private func make(_ arguments: [String], in folder: TemporaryFolder) throws -> TestProgram {
        try TestProgram("/usr/bin/env", ["make"] + arguments, in: folder.path)
    }

    private func exists(_ name: String, in folder: TemporaryFolder) -> Bool {
        FileManager.default.fileExists(atPath: folder.path + "/" + name)
    }

    /// Writes a shell script that replaces a program.
    private func write(_ path: String, _ script: String) throws {
        let url = URL(fileURLWithPath: path)
        try FileManager.default.createDirectory(
            at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
        try Data("#!/bin/sh\n\(script)\n".utf8).write(to: url)
        chmod(path, 0o755)
    }

    @Test("make clean removes build products and no data")
    func clean() throws {
        let folder = try clone([])
        let built = [
            ".build", ".build-tsan", ".build-faults", ".build-mutants", ".build-browser", "Fuzzing/.build",
            "Benchmarks/.build",
            "Benchmarks/Echo/.build", "Benchmarks/rivals/build",
        ]
        let mine = [
            "data/draws/default/bets.ledger", "data/ingest.lock", "data/agency-1.csv", "bets.csv", ".buildings/a",
        ]
        for name in built.map({ $0 + "/file" }) + mine {
            let url = URL(fileURLWithPath: folder.path + "/" + name)
            try FileManager.default.createDirectory(
                at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
            try Data("mine".utf8).write(to: url)
        }
        let run = try make(["clean"], in: folder)
        #expect(try run.waitForExit() == 0, "\(run.log)")
        for name in built { #expect(!exists(name, in: folder), "\(name)") }
        for name in mine { #expect(exists(name, in: folder), "\(name)") }
    }

    @Test("make remove-draws keeps a draw that a service is using", arguments: [false, true])
    func removeDraws(isLockFileRemoved: Bool) throws {
        let folder = try clone(["scripts/remove-draws"])
        let service = try TestProgram("bet-ingest", ["--listen", "127.0.0.1:0", "--data", "data"], in: folder.path)
        _ = try service.waitForAddress()
        if isLockFileRemoved {
            // Without the lock file the lock on the ledger decides; the test holds it in place of the service.
            service.signal(SIGTERM)
            _ = try service.waitForExit()
            try FileManager.default.removeItem(atPath: folder.path + "/data/ingest.lock")
        }
        let holder =
            isLockFileRemoved
            ? try FileLock(folder.path + "/data/draws/default/bets.ledger", holder: "a test", deadline: .seconds(5))
            : nil
        let rejected = try make(["remove-draws"], in: folder)
        #expect(try rejected.waitForExit() != 0)
        #expect(rejected.log.contains("data/draws is in use, nothing was removed"), "\(rejected.log)")
        #expect(exists("data/draws/default/bets.ledger", in: folder))
        withExtendedLifetime(holder) {}
        if !isLockFileRemoved {
            #expect(rejected.log.contains("process \(service.processID)"), "\(rejected.log)")
            service.signal(SIGTERM)
            _ = try service.waitForExit()
            let removed = try make(["remove-draws"], in: folder)
            #expect(try removed.waitForExit() == 0, "\(removed.log)")
            #expect(!exists("data/draws", in: folder) && exists("data", in: folder))
            let again = try make(["remove-draws"], in: folder)
            #expect(try again.waitForExit() == 0 && again.standardOutput.contains("nothing to remove"))
        }
    }

    @Test("make passes on the name of a compose file unchanged")
    func composeFile() throws {
        let folder = try clone([])
        try write(folder.path + "/scripts/containers", "printf '%s|' \"$@\"")
        let given = try make(["-s", "docker-compose-down", "COMPOSE=a b;\"c'.yaml"], in: folder)
        #expect(try given.waitForExit() == 0, "\(given.log)")
        #expect(given.standardOutput == "down|a b;\"c'.yaml|")
        let without = try make(["-s", "docker-compose-down"], in: folder)
        #expect(try without.waitForExit() == 0 && without.standardOutput == "down||", "\(without.log)")
    }

    @Test("make bench installs rivals only with RIVALS=1")
    func rivals() throws {
        let folder = try clone(["Benchmarks/rivals/setup"])
        for (arguments, install) in [([], false), (["RIVALS=1"], true), (["RIVALS=0"], false)] as [([String], Bool)] {
            let dry = try make(["-n", "bench"] + arguments, in: folder)
            #expect(try dry.waitForExit() == 0, "\(dry.log)")
            #expect(dry.standardOutput.contains("Benchmarks/rivals/setup install") == install, "\(dry.standardOutput)")
        }
        // Simulates a Debian in which nothing is installed and nothing can be compiled.
        for program in ["apt-get", "systemctl"] {
            try write(folder.path + "/programs/" + program, "echo \"$0 $*\" >>'\(folder.path)/ran'")
        }
        for program in ["dpkg-query", "gcc"] { try write(folder.path + "/programs/" + program, "exit 1") }
        let path = folder.path + "/programs:" + (ProcessInfo.processInfo.environment["PATH"] ?? "")
        let setup = try TestProgram(
            "/bin/bash", ["Benchmarks/rivals/setup"], environment: ["PATH": path], in: folder.path)
        #expect(try setup.waitForExit() == 0, "\(setup.log)")
        #expect(setup.log.contains("not installed, left out: gcc libc6-dev postgresql"), "\(setup.log)")
        #expect(setup.log.contains("make bench RIVALS=1 installs them") && !exists("ran", in: folder))
    }

    @Test("build options do not depend on whether a terminal reads the compiler's output")
    func colors() throws {
        let makefile = try Repository.text("Makefile")
        let release = try Repository.text("scripts/release")
        for line in (makefile + release).split(separator: "\n") where line.contains(#/swift build /#) {
            #expect(
                line.contains("--no-color-diagnostics") || line.contains("--show-bin-path") || line.hasPrefix("#"),
                "\(line)")
        }
    }

    @Test("CI without root names what to install")
    func withoutRoot() throws {
        let folder = try clone([".ci/run"])
        let programs = folder.path + "/programs"
        try write(programs + "/id", "echo 1000")
        for name in ["dirname", "bash"] {
            let real = try #require(["/usr/bin/", "/bin/"].map { $0 + name }.first { access($0, X_OK) == 0 })
            try FileManager.default.createSymbolicLink(atPath: programs + "/" + name, withDestinationPath: real)
        }
        let run = try TestProgram("/bin/sh", [".ci/run"], environment: ["PATH": programs], in: folder.path)
        #expect(try run.waitForExit() == 69)
        #expect(run.log.contains("make git openssl python3; as root of a Debian: apt-get install "), "\(run.log)")
    }
}
