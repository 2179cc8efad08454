import Foundation
import ReplicatedLedger
import Shell
import Testing

/// Draws on 2 to 5 nodes over a replicated engine: nothing acknowledged is lost, nothing is in twice, nothing late is in.
struct SimulatedClusterTests {
    private static let draws = ProcessInfo.processInfo.environment["FAULTS"] == "full" ? 100_000 : 1000

    @Test("whatever happens to nodes, connections and outcomes, the draw has what was acknowledged, once and in order")
    func draws() throws {
        var steps = 0
        for seed in 1...UInt64(Self.draws) {
            let cluster = SimulatedCluster(seed: seed)
            cluster.run()
            steps += cluster.steps
            #expect(cluster.violation == nil, "seed \(seed)")
            let records = try cluster.checkedRecords()
            #expect(cluster.difference(from: records) == nil, "seed \(seed)")
            if cluster.violation != nil { return }
        }
        try writeOutput("simulated clusters: \(Self.draws) draws, \(steps) steps")
    }

    @Test("chunks that the engine loses after the draw are sent again, and the draw is the same")
    func lostChunks() throws {
        for seed in 1...UInt64(Self.draws) {
            let cluster = SimulatedCluster(seed: seed)
            cluster.run()
            let before = try cluster.checkedRecords()
            let after = try cluster.sendLostAgain()
            #expect(cluster.violation == nil, "seed \(seed)")
            let isSame = before.allSatisfy { agency, records in
                records.map(\.payload) == (after[agency] ?? []).map(\.payload)
            }
            #expect(isSame && cluster.difference(from: after) == nil, "seed \(seed)")
            if !isSame || cluster.violation != nil { return }
        }
    }

    /// Chains cannot show one thing: an agency's last messages that are gone as if they had never been.
    @Test(
        "an engine that ignores expectations or loses messages is caught before the seal, except for an agency's silent end",
        arguments: [
            SimulatedEngine.Vice.ignoresExpectations, .losesMessages, .losesMessagesSilently,
        ])
    func canary(_ vice: SimulatedEngine.Vice) throws {
        var (caught, endsLost, wrong) = (0, 0, 0)
        for seed in 1...UInt64(Self.draws / 10) {
            let cluster = SimulatedCluster(seed: seed, vice: vice)
            cluster.run()
            do {
                let records = try cluster.checkedRecords()
                // A sealed draw must be right. An agency that never got its answers does not matter here.
                guard let difference = cluster.difference(from: records), cluster.violation == nil else { continue }
                if vice == .losesMessagesSilently, cluster.hasLostEndsOnly(records) {
                    endsLost += 1
                } else {
                    wrong += 1
                    Issue.record("seed \(seed): \(difference)")
                }
            } catch {
                caught += 1
            }
        }
        try writeOutput("canary, \(vice): \(caught) of \(Self.draws / 10) draws caught, \(endsLost) with a lost end")
        #expect(caught > Self.draws / 1000 && wrong == 0)
    }
}
