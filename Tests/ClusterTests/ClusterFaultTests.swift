import Domain
import Foundation
import Glibc
import Platform
import Shell
import TestKit
import Testing

/// Machines of a cluster fail under load: nothing acknowledged is lost, nothing is in twice.
@Suite(.serialized)
struct ClusterFaultTests {
    private static let agencies = 6
    private static let betsPerAgency = RealCluster.isFull ? 4000 : 2000

    /// The audit of one run of a fault, and its time.
    private struct Outcome {
        var audit: Audit
        var seconds: Double
    }

    @Test(
        "everything acknowledged is in the draw once, and nothing else", RealCluster.isBuilt,
        arguments: ClusterFault.chosen)
    func fault(_ fault: ClusterFault) throws {
        let cluster = try RealCluster(limitedServer: fault.limitedServer, isNetwork: fault.needsNetwork)
        try repeated(fault.rawValue) { run in
            try cluster.waitUntilHealthy()
            let draw = try ClusterDraw(
                cluster, "\(fault)-\(run)", agencies: Self.agencies, settings: ["ingest.window=2"])
            let files = try files(of: draw, seed: run)
            let start = ContinuousClock.now
            let agencies = try send(files, to: draw)
            try waitForLoad(draw)
            try fault.inject(draw, cluster)
            let bets = try agencies.map { agency -> Int in
                #expect(try agency.waitForExit(seconds: 300) == 0, "\(agency.log.suffix(2000))")
                return try AgencyReply(agency.standardOutput).bets
            }
            let seconds = start.duration(to: .now) / .seconds(1)
            let audit = try Audit(files: files, export: draw.publishedExport(), acknowledged: bets)
            try draw.remove()
            return Outcome(audit: audit, seconds: seconds)
        }
    }

    @Test(
        "an agency that runs twice, on two nodes, is in the draw once",
        RealCluster.isBuilt, .enabled(if: RealCluster.isChosen("twoRuns"), "skipped: FAULT_ONLY names others"))
    func twoRuns() throws {
        let cluster = try RealCluster()
        try repeated("each agency runs twice at once, on two nodes") { run in
            let draw = try ClusterDraw(
                cluster, "twoRuns-\(run)", agencies: Self.agencies, settings: ["ingest.window=2"])
            let files = try files(of: draw, seed: run)
            let start = ContinuousClock.now
            let first = try send(files, to: draw)
            try waitForLoad(draw)
            let second = try send(files, to: draw, from: 1)
            let bets = try zip(first, second).enumerated().map { index, runs -> Int in
                let codes = [try runs.0.waitForExit(seconds: 120), try runs.1.waitForExit(seconds: 120)]
                // The one that is superseded stops, unless it had finished.
                #expect(codes.contains(0) && codes.allSatisfy { $0 == 0 || $0 == 75 }, "agency \(index + 1): \(codes)")
                return try AgencyReply((codes[1] == 0 ? runs.1 : runs.0).standardOutput).bets
            }
            let seconds = start.duration(to: .now) / .seconds(1)
            let audit = try Audit(files: files, export: draw.publishedExport(), acknowledged: bets)
            try draw.remove()
            return Outcome(audit: audit, seconds: seconds)
        }
    }

    @Test(
        "at a cut-off under load with a paused node, the draw has what was acknowledged before it",
        RealCluster.isBuilt, .enabled(if: RealCluster.isChosen("cutOff"), "skipped: FAULT_ONLY names others"))
    func cutOff() throws {
        let cluster = try RealCluster()
        // An answer that was lost with its node is recorded, and its agency does not know.
        try repeated("the cut-off passes under load while a node is paused", mayStoreMore: true) { run in
            let draw = try ClusterDraw(
                cluster, "cutOff-\(run)", agencies: Self.agencies, settings: ["ingest.window=2"])
            let files = try files(of: draw, bets: 100_000, seed: run)
            let start = ContinuousClock.now
            let closes = Instant(milliseconds: SystemCall.unixMilliseconds() + 6000)
            let late = "late-\(run)"
            _ = try draw.command("draw", "open", late, "--closes", "\(closes)", "--number", "configured", node: 0)
            let agencies = try send(files, to: draw, draw: late)
            try waitForLoad(draw)
            let node = draw.nodes[Int.random(in: 0..<3)]
            node.signal(SIGSTOP)
            RealCluster.pause(.milliseconds(Int64(closes.milliseconds - SystemCall.unixMilliseconds())))
            RealCluster.pause(RealCluster.faultDuration)
            node.signal(SIGCONT)
            let acknowledged = try agencies.map { agency -> Int in
                let code = try agency.waitForExit(seconds: 120)
                let log = agency.log
                #expect(code == 65, "\(log.suffix(2000))")
                return log.split(separator: "\n").count { $0.contains("apuesta_enviada | result: success") } * 10
            }
            let seconds = start.duration(to: .now) / .seconds(1)
            let audit = try Audit(files: files, export: draw.publishedExport(late), acknowledged: acknowledged)
            try draw.remove()
            return Outcome(audit: audit, seconds: seconds)
        }
    }

    @Test(
        "chunks that a flipped bit destroys are named, and the draw is sealed once their agencies have sent them again",
        RealCluster.isBuilt, .enabled(if: RealCluster.isChosen("flippedBit"), "skipped: FAULT_ONLY names others"))
    func flippedBit() throws {
        var (damaged, unsealed, incomplete) = (0, 0, 0)
        try repeated("a bit flipped in what a server has stored, every other time in what all have") { run in
            // For this run only: a server of it may catch up without end.
            let cluster = try RealCluster()
            let draw = try ClusterDraw(
                cluster, "flippedBit-\(run)", agencies: Self.agencies, settings: ["ingest.window=2"])
            let files = try files(of: draw, seed: run)
            let start = ContinuousClock.now
            let agencies = try send(files, to: draw)
            try waitForLoad(draw)
            // Every other time on all servers: what one lacks is read of the others.
            try cluster.flipBit(ofStream: draw.draw, of: run.isMultiple(of: 2) ? [1, 2, 3] : [Int.random(in: 1...3)])
            let (published, failed) = ("action: publish | result: success", "action: seal | result: fail")
            let line = try draw.nodes[0].waitForLog(published, orAny: [failed], seconds: 120)
            if line.contains(failed) {
                damaged += 1
                try writeOutput(line)
                if line.contains("nobody knows which") {
                    // Never a wrong result: no result.
                    unsealed += 1
                    #expect(!draw.nodes.contains { $0.log.contains(published) })
                    for agency in agencies { agency.signal(SIGKILL) }
                    try draw.remove()
                    return Outcome(audit: Audit(), seconds: 0)
                }
                // One that has not found the loss tells an agency that all is recorded.
                for node in draw.nodes { _ = try node.waitForLog(failed, orAny: [published], seconds: 120) }
                for match in line.matches(of: #/agency (\d+): chunks/#) {
                    let id = try #require(Int(match.1))
                    let again = try draw.agency(id, file: files[id - 1], settings: ["batch.maxAmount=10"], from: 1)
                    #expect(try again.waitForExit(seconds: 120) == 0, "\(again.log.suffix(2000))")
                }
            }
            let bets = try agencies.map { agency -> Int in
                #expect(try agency.waitForExit(seconds: 120) == 0, "\(agency.log.suffix(2000))")
                return try AgencyReply(agency.standardOutput).bets
            }
            let seconds = start.duration(to: .now) / .seconds(1)
            let audit = try Audit(files: files, export: draw.publishedExport(), acknowledged: bets)
            if try cluster.run("status").contains("catching up") { incomplete += 1 }
            try draw.remove()
            return Outcome(audit: audit, seconds: seconds)
        }
        try writeOutput(
            "flipped bits: \(damaged) draws lacked chunks, \(unsealed) of them were not sealed; "
                + "after \(incomplete) a server was still catching up")
    }

    /// Runs a fault several times and prints its row of the table in docs/reliability.md; `FAULT_TABLE` names a file that
    /// collects the rows.
    private func repeated(
        _ fault: String, mayStoreMore: Bool = false, _ runOnce: (Int) throws -> Outcome
    ) throws {
        var total = (acknowledged: 0, stored: 0, lost: 0, twice: 0)
        var longest = 0.0
        for run in 1...RealCluster.runs {
            let outcome = try runOnce(run)
            let audit = outcome.audit
            #expect(audit.lost == 0 && audit.twice == 0, "run \(run): \(audit)")
            let more = audit.stored - audit.acknowledged
            #expect(mayStoreMore ? more >= 0 : more == 0, "run \(run): \(audit)")
            total.acknowledged += audit.acknowledged
            total.stored += audit.stored
            total.lost += audit.lost
            total.twice += audit.twice
            longest = max(longest, outcome.seconds)
        }
        let row =
            "| \(fault) | \(RealCluster.runs) | \(total.acknowledged) | \(total.stored) | \(total.lost) "
            + "| \(total.twice) | \(String(format: "%.1f", longest)) s |"
        try writeOutput(row)
        guard let path = ProcessInfo.processInfo.environment["FAULT_TABLE"] else { return }
        let before = (try? String(contentsOfFile: path, encoding: .utf8)) ?? ""
        try (before + row + "\n").write(toFile: path, atomically: true, encoding: .utf8)
    }

    private func files(of draw: ClusterDraw, bets: Int = betsPerAgency, seed: Int) throws -> [String] {
        let files = draw.folder + "/files"
        let dataset = try TestProgram(
            "agency",
            [
                "dataset", "--agencies", "\(Self.agencies)", "--bets", "\(Self.agencies * bets)", "--seed", "\(seed)",
                "--folder", files,
            ], in: draw.folder)
        #expect(try dataset.waitForExit() == 0, "\(dataset.log)")
        return (1...Self.agencies).map { "\(files)/agency-\($0).csv" }
    }

    private func send(
        _ files: [String], to draw: ClusterDraw, from offset: Int = 0, draw other: String? = nil
    ) throws -> [TestProgram] {
        try files.enumerated().map { index, path in
            try draw.agency(
                index + 1, file: path, settings: ["batch.maxAmount=10"], from: offset, draw: other)
        }
    }

    /// Waits for the middle of the load: between a tenth and a half of one node's chunks.
    private func waitForLoad(_ draw: ClusterDraw) throws {
        let chunks = Self.agencies * Self.betsPerAgency / 10 / 3
        try draw.nodes[0].waitForLog("apuesta_recibida", count: Int.random(in: chunks / 10...chunks / 2), seconds: 120)
    }
}

extension ClusterDraw {
    /// The export of every node, once it has published; the same on each.
    fileprivate func publishedExport(_ other: String? = nil) throws -> String {
        let exports = try nodes.indices.map { node -> String in
            let published = "action: publish | result: success | path: \(data(node))/draws/\(other ?? draw)"
            _ = try nodes[node].waitForLog(published, seconds: 120)
            return try command("export", node: node, draw: other)
        }
        #expect(exports.allSatisfy { $0 == exports[0] })
        return exports[0]
    }

    /// Stops everything and removes the files.
    fileprivate func remove() throws {
        try stop()
        try FileManager.default.removeItem(atPath: folder)
    }
}
