import Foundation
import Glibc
import TestKit
import Testing

/// Clusters that cannot keep what an acknowledgement promises: bet-ingest does not start, and says why.
@Suite(.serialized)
struct ClusterRejectionTests {
    private func start(_ cluster: RealCluster, replicas: Int = 3) throws -> (code: Int32, log: String) {
        let program = try TestProgram.start(
            .ingest, data: cluster.folder.path + "/data", agencies: 1,
            settings: cluster.settings("ingest", replicas: replicas), in: cluster.folder.path)
        let code = try program.waitForExit()
        return (code, program.log)
    }

    /// Changes the configuration of a server and restarts it.
    private func change(_ cluster: RealCluster, server: Int, _ edit: (String) -> String) throws {
        let path = cluster.folder.path + "/cluster/server-\(server).conf"
        try edit(try String(contentsOfFile: path, encoding: .utf8)).write(
            toFile: path, atomically: true, encoding: .utf8)
        try cluster.run("kill \(server)")
        try cluster.run("start \(server)")
        try cluster.waitUntilHealthy()
    }

    @Test("one server of three that does not sync each message", RealCluster.isBuilt)
    func sync() throws {
        let cluster = try RealCluster()
        try change(cluster, server: 2) { $0.replacing("sync_interval: always", with: "sync_interval: 2m") }
        let (code, log) = try start(cluster)
        #expect(code == 78)
        #expect(log.contains("server quiniela-2 acknowledges before it syncs"), "\(log)")
        #expect(log.contains("add sync_interval: always to its jetstream section"), "\(log)")
    }

    @Test("a stream with one replica, unless the configuration says so in words", RealCluster.isBuilt)
    func replicas() throws {
        let cluster = try RealCluster()
        let single = try TestProgram.start(
            .ingest, data: cluster.folder.path + "/single", agencies: 1,
            settings: cluster.settings("ingest", replicas: 1), in: cluster.folder.path)
        _ = try single.waitForAddress()
        single.signal(SIGTERM)
        _ = try single.waitForExit()
        let (code, log) = try start(cluster)
        #expect(code == 78)
        #expect(log.contains("stream KV_quiniela-draws has num_replicas 1 instead of 3"), "\(log)")
        let (five, more) = try start(cluster, replicas: 5)
        #expect(five == 78)
        #expect(more.contains("5 servers are to store each bet (ledger.replicas), and the cluster has 3"), "\(more)")
    }

    private static let oldServer = Repository.root + "/.build-cluster/debian/usr/sbin/nats-server"

    @Test(
        "a server that is too old, as Debian's", RealCluster.isBuilt,
        .enabled(
            if: FileManager.default.isExecutableFile(atPath: oldServer),
            "skipped: .build-cluster/debian has no Debian nats-server; .ci/run unpacks it"))
    func version() throws {
        let folder = try TemporaryFolder()
        let port = try Tunnel.freePort()
        let configuration = """
            server_name: old
            listen: 127.0.0.1:\(port)
            jetstream { store_dir: "\(folder.path)/data" }
            accounts {
              LOTTERY {
                jetstream: enabled
                users: [{ user: lottery, password: lottery }]
                imports: [{ service: { account: SYS, subject: "$SYS.REQ.SERVER.PING.VARZ" }, to: "quiniela-servers" }]
              }
              SYS {
                users: [{ user: system, password: system }]
                exports: [{ service: "$SYS.REQ.SERVER.PING.VARZ", response_type: stream, accounts: [LOTTERY] }]
              }
            }
            system_account: SYS
            no_auth_user: lottery
            """
        try configuration.write(toFile: folder.path + "/old.conf", atomically: true, encoding: .utf8)
        let server = try TestProgram(Self.oldServer, ["--config", folder.path + "/old.conf"], in: folder.path)
        try server.waitForLog("Server is ready")
        let ingest = try TestProgram.start(
            .ingest, data: folder.path + "/data", agencies: 1,
            settings: ["ledger.kind=jetstream", "ledger.servers=127.0.0.1:\(port)", "ledger.replicas=1"],
            in: folder.path)
        #expect(try ingest.waitForExit() == 78)
        #expect(ingest.log.contains("server old has version 2.9."), "\(ingest.log)")
        #expect(ingest.log.contains("2.15 or newer is needed"), "\(ingest.log)")
        server.signal(SIGTERM)
        _ = try server.waitForExit()
    }

    @Test("no server at all: exit code 75, so that it is started again", RealCluster.isBuilt)
    func away() throws {
        let folder = try TemporaryFolder()
        let ingest = try TestProgram.start(
            .ingest, data: folder.path + "/data", agencies: 1,
            settings: ["ledger.kind=jetstream", "ledger.servers=127.0.0.1:1"], in: folder.path)
        #expect(try ingest.waitForExit() == 75)
        #expect(ingest.log.contains("none of 127.0.0.1:1 can be used"), "\(ingest.log)")
    }

    @Test("half a configuration is an error, and so is a dialect", RealCluster.isBuilt)
    func configuration() throws {
        let folder = try TemporaryFolder()
        func faults(_ settings: String...) throws -> String {
            let program = try TestProgram.start(.ingest, data: "d", agencies: 1, settings: settings, in: folder.path)
            #expect(try program.waitForExit() == 78)
            return program.log
        }
        #expect(try faults("ledger.kind=jetstream").contains("ledger.servers must name its servers"))
        #expect(
            try faults("ledger.kind=jetstream", "ledger.servers=10.0.0.1:4222").contains(
                "bets go there with TLS only"))
        #expect(
            try faults("ledger.kind=jetstream", "ledger.servers=127.0.0.1:4222", "ledger.tls.key=k").contains(
                "are set together or not at all"))
        #expect(
            try faults(
                "ledger.kind=jetstream", "ledger.servers=127.0.0.1:4222", "dialects.pipe=127.0.0.1:0"
            ).contains("dialects.pipe and ledger.kind jetstream exclude each other"))
    }
}
