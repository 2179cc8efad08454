import Foundation
import Glibc
import Shell
import TestKit
import Testing

/// Whole draws on three real servers, with the programs as a user starts them.
@Suite(.serialized)
struct ClusterDrawTests {
    @Test("the sample through three nodes: the same ledger on each, and the winners", RealCluster.isBuilt)
    func sample() throws {
        try run(Repository.root + "/data", "sample", winners: nil, chunkBets: 20, cutBytes: 3000...9000)
    }

    @Test(
        "the real data through three nodes: 2, 3, 3, 2 and 0 winners on number 7574, and the digest of a ledger in a file",
        RealCluster.isBuilt,
        .enabled(if: Repository.dataset != nil, "skipped: QUINIELA_DATASET is not set to a folder of agency files"))
    func real() throws {
        try run(Repository.dataset ?? "", "real", winners: [2, 3, 3, 2, 0], chunkBets: 100, cutBytes: 20_000...60_000)
    }

    @Test("verify and export read the stream of a draw that is open, on any node", RealCluster.isBuilt)
    func openDraw() throws {
        let cluster = try RealCluster()
        let draw = try ClusterDraw(cluster, "open", agencies: 2)
        let file = Repository.root + "/data/agency-1.csv"
        let agency = try draw.agency(1, file: file)
        _ = try draw.nodes[2].waitForLog("action: agency_finished", seconds: 60)
        let lines = try String(contentsOfFile: file, encoding: .utf8).split(whereSeparator: \.isNewline)
        let rows = try draw.command("export", node: 0).split(whereSeparator: \.isNewline)
        #expect(rows.map { $0 } == lines.map { Substring("1,\($0)") })
        let verified = try draw.command("verify", node: 1)
        #expect(verified.contains("source    the stream of the open draw") && verified.contains("\(lines.count)"))
        agency.signal(SIGTERM)
        try draw.stop()
    }

    private func run(
        _ source: String, _ name: String, winners: [Int]?, chunkBets: Int, cutBytes: ClosedRange<Int>
    ) throws {
        let cluster = try RealCluster()
        // With few chunks in flight, some answers arrive before a connection is cut.
        let draw = try ClusterDraw(cluster, name, agencies: 5, settings: ["ingest.window=2"])
        let files = (1...5).map { "\(source)/agency-\($0).csv" }
        let outputs = try send(files, through: draw, chunkBets, cutBytes)
        if let winners { #expect(outputs.map(\.winners) == winners) }
        let exports = try (0..<3).map { node -> String in
            _ = try draw.nodes[node].waitForLog("action: publish |", seconds: 30)
            return try draw.command("export", node: node)
        }
        #expect(exports[1] == exports[0] && exports[2] == exports[0])
        let audit = try Audit(files: files, export: exports[0], acknowledged: outputs.map(\.bets))
        #expect(audit.lost == 0 && audit.twice == 0 && audit.stored == audit.acknowledged, "\(audit)")
        #expect(try draw.command("verify", node: 2).contains("drawn again from the ledger with the same outcome"))
        #expect(
            try digest(of: draw.command("verify", node: 0)) == (try digestOfFile(files, chunkBets, in: cluster.folder)))
        try draw.stop()
    }

    /// Sends files while each agency's node is killed under it every few chunks.
    private func send(
        _ files: [String], through draw: ClusterDraw, _ chunkBets: Int, _ cutBytes: ClosedRange<Int>
    ) throws -> [(bets: Int, winners: Int)] {
        let proxies = try draw.addresses.map { try CuttingProxy(to: $0, after: cutBytes) }
        let addresses = proxies.map { "127.0.0.1:\($0.port)" }
        let agencies = try files.enumerated().map { index, file in
            let first = index % addresses.count
            let order = (addresses[first...] + addresses[..<first]).joined(separator: ",")
            return try draw.agency(
                index + 1, file: file,
                settings: [
                    "ingest.addresses=\(order)", "retry.initialMilliseconds=1", "batch.maxAmount=\(chunkBets)",
                ])
        }
        let outputs = try agencies.map { agency -> (bets: Int, winners: Int) in
            #expect(try agency.waitForExit(seconds: 180) == 0, "\(agency.log)")
            let output = try AgencyReply(agency.standardOutput)
            return (output.bets, output.winners.count)
        }
        let cuts = proxies.map(\.cuts).reduce(0, +)
        #expect(cuts >= 3, "connections were cut \(cuts) times")
        try writeOutput("\(draw.draw): connections were cut \(cuts) times")
        return outputs
    }

    private func digest(of verified: String) throws -> Substring {
        try #require(verified.split(separator: "\n").first { $0.hasPrefix("digest") })
    }

    /// The digest of the same files in a ledger of one machine.
    private func digestOfFile(_ files: [String], _ chunkBets: Int, in folder: TemporaryFolder) throws -> Substring {
        let data = folder.path + "/file"
        let ingest = try TestProgram.start(.ingest, data: data, agencies: 5, in: folder.path)
        let winners = try TestProgram.start(.winners, data: data, agencies: 5, in: folder.path)
        let (bets, answers) = (try ingest.waitForAddress(), try winners.waitForAddress())
        let agencies = try files.enumerated().map { index, file in
            try TestProgram(
                "agency",
                [
                    "--id", "\(index + 1)", "--file", file, "--set", "ingest.address=\(bets)", "--set",
                    "winners.address=\(answers)", "--set", "batch.maxAmount=\(chunkBets)",
                ], in: folder.path)
        }
        for agency in agencies { #expect(try agency.waitForExit() == 0) }
        let verify = try TestProgram("bet-ingest", ["verify", "--data", data], in: folder.path)
        #expect(try verify.waitForExit() == 0)
        ingest.signal(SIGTERM)
        winners.signal(SIGTERM)
        return try digest(of: verify.standardOutput)
    }
}

/// The output of an agency with `--output json`.
struct AgencyReply: Decodable {
    var bets: Int
    var winners: [String]

    init(_ text: String) throws { self = try JSONDecoder().decode(Self.self, from: Data(text.utf8)) }
}
