import Foundation
import Glibc
import Platform
import Shell
import TestKit
import Testing

/// Machines of a cluster fail under load: nothing acknowledged is lost, nothing is in twice.
@Suite(.serialized)
struct ClusterFaultTests {
    /// Something that fails while bets arrive, and is mended.
    enum Fault: String, CaseIterable, CustomTestStringConvertible {
        case killLeader = "kill -9 of the server that leads the bets"
        case killFollower = "kill -9 of a server that follows"
        case killNode = "kill -9 of a node"
        case killServerAndNode = "kill -9 of the leader and a node at once"
        case killTwoServers = "kill -9 of two servers at once"
        case killEverything = "kill -9 of every server and node at once"
        case pauseLeader = "SIGSTOP of the leader"
        case pauseNode = "SIGSTOP of a node, which wakes up later"
        case wipeFollower = "a server that follows loses its disk and comes back empty"
        case rollingRestart = "every server restarted, one after the other"
        case fullDisk = "the disk of a server is full"
        case readOnlyDisk = "the disk of a server is read-only when it restarts"

        var testDescription: String { rawValue }

        /// Those of the small form, which CI runs.
        private static let few: [Fault] = [.killLeader, .killNode, .pauseNode]

        /// Those to try; `FAULT_ONLY=pauseNode,fullDisk` names some.
        static let chosen: [Fault] = {
            let names = ProcessInfo.processInfo.environment["FAULT_ONLY"]?.split(separator: ",").map(String.init)
            if let names { return allCases.filter { names.contains("\($0)") } }
            return RealCluster.isFull ? allCases : few
        }()
    }

    private static let agencies = 6
    private static let betsPerAgency = RealCluster.isFull ? 4000 : 2000
    private static let runs =
        RealCluster.isFull ? Int(ProcessInfo.processInfo.environment["FAULT_RUNS"] ?? "20") ?? 20 : 1
    /// How long a process is paused.
    private static let pauseSeconds = RealCluster.isFull ? 30 : 4

    @Test(
        "everything acknowledged is in the draw once, and nothing else", RealCluster.isBuilt,
        arguments: Fault.chosen)
    func fault(_ fault: Fault) throws {
        let cluster = try RealCluster(limitedServer: fault == .fullDisk || fault == .readOnlyDisk ? 2 : nil)
        var total = (acknowledged: 0, stored: 0, lost: 0, twice: 0)
        var longest = 0.0
        for run in 1...Self.runs {
            let (audit, seconds) = try runOnce(fault, run, cluster)
            #expect(audit.lost == 0 && audit.twice == 0 && audit.stored == audit.acknowledged, "run \(run): \(audit)")
            total.acknowledged += audit.acknowledged
            total.stored += audit.stored
            total.lost += audit.lost
            total.twice += audit.twice
            longest = max(longest, seconds)
        }
        try writeRow(
            "| \(fault.rawValue) | \(Self.runs) | \(total.acknowledged) | \(total.stored) | \(total.lost) | \(total.twice) | \(String(format: "%.1f", longest)) s |"
        )
    }

    /// Prints a row of the table in docs/reliability.md; `FAULT_TABLE` names a file that collects them.
    private func writeRow(_ row: String) throws {
        try writeOutput(row)
        guard let path = ProcessInfo.processInfo.environment["FAULT_TABLE"] else { return }
        let before = (try? String(contentsOfFile: path, encoding: .utf8)) ?? ""
        try (before + row + "\n").write(toFile: path, atomically: true, encoding: .utf8)
    }

    private func runOnce(_ fault: Fault, _ run: Int, _ cluster: RealCluster) throws -> (Audit, seconds: Double) {
        try cluster.waitUntilHealthy()
        let draw = try ClusterDraw(
            cluster, "\(fault)-\(run)", agencies: Self.agencies, settings: ["ingest.window=2"])
        let files = draw.folder + "/files"
        let dataset = try TestProgram(
            "agency",
            [
                "dataset", "--agencies", "\(Self.agencies)", "--bets", "\(Self.agencies * Self.betsPerAgency)",
                "--seed",
                "\(run)", "--folder", files,
            ], in: draw.folder)
        #expect(try dataset.waitForExit() == 0, "\(dataset.log)")
        let paths = (1...Self.agencies).map { "\(files)/agency-\($0).csv" }
        let start = ContinuousClock.now
        let agencies = try paths.enumerated().map { index, path in
            try draw.agency(index + 1, file: path, settings: ["batch.maxAmount=10"])
        }
        // In the middle of the load: between a tenth and a half of one node's chunks.
        let chunks = Self.agencies * Self.betsPerAgency / 10 / 3
        try draw.nodes[0].waitForLog("apuesta_recibida", count: Int.random(in: chunks / 10...chunks / 2), seconds: 120)
        try inject(fault, draw, cluster)
        let bets = try agencies.map { agency -> Int in
            #expect(try agency.waitForExit(seconds: 300) == 0, "\(agency.log.suffix(2000))")
            return try AgencyReply(agency.standardOutput).bets
        }
        let seconds = start.duration(to: .now) / .seconds(1)
        let audit = try Audit(files: paths, export: draw.publishedExport(), acknowledged: bets.reduce(0, +))
        try draw.stop()
        try FileManager.default.removeItem(atPath: draw.folder)
        return (audit, seconds)
    }

    /// Makes something fail and mends it.
    private func inject(_ fault: Fault, _ draw: ClusterDraw, _ cluster: RealCluster) throws {
        let leader = cluster.leader(of: "QUINIELA_\(draw.draw)") ?? 1
        let follower = [1, 2, 3].filter { $0 != leader }.randomElement() ?? 2
        let node = Int.random(in: 0..<3)
        func restart(_ servers: Int...) throws {
            for server in servers { try cluster.run("kill \(server)") }
            pause(.milliseconds(Int.random(in: 0...3000)))
            for server in servers { try cluster.run("start \(server)") }
        }
        switch fault {
        case .killLeader: try restart(leader)
        case .killFollower: try restart(follower)
        case .killNode: try draw.restart(node)
        case .killServerAndNode:
            try cluster.run("kill \(leader)")
            try draw.restart(node)
            try cluster.run("start \(leader)")
        case .killTwoServers: try restart(leader, follower)
        case .killEverything:
            for node in draw.nodes { node.signal(SIGKILL) }
            try restart(1, 2, 3)
            try cluster.waitUntilHealthy()
            for node in 0..<3 { try draw.restart(node) }
        case .pauseLeader:
            try cluster.run("pause \(leader)")
            pause(.seconds(Self.pauseSeconds))
            try cluster.run("resume \(leader)")
        case .pauseNode:
            draw.nodes[node].signal(SIGSTOP)
            pause(.seconds(Self.pauseSeconds))
            draw.nodes[node].signal(SIGCONT)
        case .wipeFollower:
            try cluster.run("kill \(follower)")
            try FileManager.default.removeItem(atPath: "\(cluster.folder.path)/cluster/data-\(follower)")
            try cluster.run("start \(follower)")
            try cluster.waitUntilHealthy()
        case .rollingRestart:
            for server in 1...3 {
                try restart(server)
                try cluster.waitUntilHealthy()
            }
        case .fullDisk:
            try cluster.fillDisk()
            pause(.seconds(3))
            try cluster.freeDisk()
            try restart(2)
        case .readOnlyDisk:
            try cluster.run("kill 2")
            try cluster.setDisk("ro")
            try cluster.run("start 2")
            pause(.seconds(3))
            _ = try? cluster.run("kill 2")
            try cluster.setDisk("rw")
            try cluster.run("start 2")
        }
    }

    /// The time for which a fault lasts.
    private func pause(_ duration: Duration) { _ = Monitor(false).wait(until: .now + duration) { $0 ? true : nil } }
}

extension ClusterDraw {
    /// The export of every node, once it has published; the same on each.
    fileprivate func publishedExport() throws -> String {
        let exports = try nodes.indices.map { node -> String in
            _ = try nodes[node].waitForLog("action: publish |", seconds: 120)
            return try command("export", node: node)
        }
        #expect(exports.allSatisfy { $0 == exports[0] })
        return exports[0]
    }
}
