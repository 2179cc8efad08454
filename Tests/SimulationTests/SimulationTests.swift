import Foundation
import Shell
import TestKit
import Testing

/// Tests of whole draws, each determined by a seed: `SIMULATION_DRAWS` seeds, from `SIMULATION_SEED` on.
struct SimulationTests {
    private static let draws = Int(ProcessInfo.processInfo.environment["SIMULATION_DRAWS"] ?? "") ?? 300
    private static let firstSeed = UInt64(ProcessInfo.processInfo.environment["SIMULATION_SEED"] ?? "") ?? 1

    @Test("no seed breaks an invariant")
    func seeds() throws {
        var steps = 0
        var trace: UInt64 = 0
        for seed in Self.firstSeed..<Self.firstSeed + UInt64(Self.draws) {
            let draw = try SimulatedDraw(seed: seed)
            let faults = draw.run()
            steps += draw.steps
            trace = trace &* 31 &+ draw.traceHash
            #expect(faults.isEmpty, "SIMULATION_SEED=\(seed) SIMULATION_DRAWS=1: \(faults)")
            if !faults.isEmpty { break }
        }
        try writeOutput("simulated draws: \(Self.draws) from seed \(Self.firstSeed), \(steps) steps, trace \(trace)")
    }

    @Test("the same seed gives the same run")
    func deterministic() throws {
        for seed in Self.firstSeed..<Self.firstSeed + 20 {
            let (first, second) = (try SimulatedDraw(seed: seed), try SimulatedDraw(seed: seed))
            #expect(first.run() == second.run())
            #expect(first.steps == second.steps && first.traceHash == second.traceHash, "seed \(seed)")
        }
    }

    @Test("the canary: a disk whose sync has no effect is detected")
    func canary() throws {
        let caught = try (1...100 as ClosedRange<UInt64>).filter { seed in
            try !SimulatedDraw(seed: seed, canary: .syncLies).run(maxSteps: 2000).allSatisfy { $0.hasPrefix("no end") }
        }
        #expect(caught.count > 5, "\(caught.count) of 100 draws")
    }
}
