import Foundation
import TestKit
import Testing

/// `scripts/cluster`: three real NATS servers with the configuration that it writes.
struct ClusterScriptTests {
    private static let isInstalled = FileManager.default.isExecutableFile(
        atPath: Repository.root + "/.build-cluster/venv/bin/nats-server")

    private struct Cluster {
        let folder: TemporaryFolder
        let port: Int

        func run(_ command: String) throws -> ShellScript {
            try ShellScript(
                "\(Repository.root)/scripts/cluster \(command)", in: folder,
                environment: [
                    "PROGRAMS": TestProgram.folder, "CLUSTER_FOLDER": folder.path + "/cluster",
                    "CLUSTER_PORT": "\(port)",
                ], seconds: 60)
        }

        /// Sends lines of the NATS protocol as a user, with a program that shares no code with ours.
        func ask(_ user: String?, _ lines: String...) throws -> String {
            let pki = folder.path + "/cluster/pki/"
            let own = user.map { [pki + $0 + ".pem", pki + $0 + ".key"] } ?? []
            let client = try TestProgram(
                "/usr/bin/env",
                ["python3", Repository.root + "/Tests/Fixtures/nats-client.py", "\(port)", pki + "root.pem"] + own + [
                    "--"
                ]
                    + lines, in: folder.path)
            _ = try client.waitForExit()
            return client.standardOutput
        }
    }

    @Test(
        "three servers elect a leader, survive its kill, and let each user do what it may",
        .enabled(if: isInstalled, "skipped: scripts/cluster install has not been run"))
    func cluster() throws {
        let cluster = Cluster(folder: try TemporaryFolder(), port: Int.random(in: 2000..<3000) * 10)
        defer { _ = try? cluster.run("down") }
        let up = try cluster.run("up")
        #expect(up.code == 0, "\(up.errors)")
        #expect(
            up.output.split(separator: "\n").count { $0.contains("healthy, leader quiniela-") } == 3, "\(up.output)")
        let configuration = try String(contentsOfFile: cluster.folder.path + "/cluster/server-1.conf", encoding: .utf8)
        #expect(configuration.contains("sync_interval: always"))
        #expect(try cluster.ask(nil).contains("CERTIFICATE_REQUIRED"))
        let bet = "PUB quiniela.draw.1 2\\nhi"
        #expect(try cluster.ask("winners", bet).contains("Permissions Violation for Publish to \"quiniela.draw.1\""))
        let purge = "PUB $JS.API.STREAM.PURGE.QUINIELA_draw 0\\n"
        let ingest = try cluster.ask("ingest", bet, purge)
        #expect(
            !ingest.contains("quiniela.draw.1\"")
                && ingest.contains("Permissions Violation for Publish to \"$JS.API.STREAM.PURGE"))
        let operatorAnswer = try cluster.ask("operator", "SUB _INBOX.1 1", "PUB $JS.API.INFO _INBOX.1 0\\n")
        #expect(operatorAnswer.contains("account_info_response"), "\(operatorAnswer)")
        let leader = try #require(up.output.split(separator: "\n")[0].last.map(String.init))
        #expect(try cluster.run("kill \(leader)").code == 0)
        #expect(
            try cluster.run("status").output.contains(
                "server \(leader)  127.0.0.1:\(cluster.port + (Int(leader) ?? 0) - 1)  not running"))
        #expect(try cluster.run("up").code == 0)
        let other = leader == "1" ? "2" : "1"
        #expect(try cluster.run("pause \(other)").code == 0)
        #expect(try cluster.run("status").output.contains("paused"))
        #expect(try cluster.run("resume \(other)").code == 0)
        #expect(try cluster.run("kill 4").code == 64)
        #expect(try cluster.run("down").code == 0)
        #expect(try cluster.run("status").output.split(separator: "\n").count { $0.contains("not running") } == 3)
    }
}
