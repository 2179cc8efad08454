import Foundation
import Shell
import TestKit
import Testing

/// Tests in which bet-ingest, winners-service and agencies are killed with SIGKILL at random moments under load.
///
/// Goal: each draw ends with every bet stored once, the right winners, and a ledger that verifies.
///
/// Method: consecutive draws with a few kills each, until SOAK_CYCLES kills (by default 20). A draw's moments depend on
/// its seed, which a failure names: SOAK_SEED=… SOAK_CYCLES=1 runs that draw alone.
@Suite(.serialized)
struct SoakTests {
    private static let environment = ProcessInfo.processInfo.environment
    private static let cycles = environment["SOAK_CYCLES"].flatMap(Int.init) ?? 20
    private static let firstSeed = environment["SOAK_SEED"].flatMap(UInt64.init) ?? .random(in: 0...UInt64.max / 2)

    @Test("nothing is lost, doubled or drawn wrong, whichever program is killed, at any moment")
    func killed() throws {
        let begin = ContinuousClock.now
        writeError("soak: SOAK_SEED=\(Self.firstSeed) SOAK_CYCLES=\(Self.cycles)")
        var kills: [SoakDraw.Victim: Int] = [:]
        var draws = 0
        var stages: [String: Int] = [:]
        while kills.values.reduce(0, +) < Self.cycles {
            let draw = try SoakDraw(seed: Self.firstSeed + UInt64(draws))
            do {
                for _ in 0..<8 {
                    guard let victim = try draw.kill() else { break }
                    kills[victim, default: 0] += 1
                }
                try draw.finish()
                stages.merge(draw.stages, uniquingKeysWith: +)
            } catch {
                Issue.record("\(draw.name): \(error)\n\(draw.logs)")
                return
            }
            draws += 1
            if draws % 25 == 0 { report(kills, stages, draws, begin) }
        }
        report(kills, stages, draws, begin)
    }

    private func report(
        _ kills: [SoakDraw.Victim: Int], _ stages: [String: Int], _ draws: Int, _ begin: ContinuousClock.Instant
    ) {
        let victims = SoakDraw.Victim.allCases.map { "\($0) \(kills[$0] ?? 0)" }.joined(separator: ", ")
        let moments = stages.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }.joined(separator: ", ")
        writeError(
            "soak: \(kills.values.reduce(0, +)) cycles (\(victims)) in \(draws) draws, bet-ingest killed while "
                + "\(moments), \(begin.duration(to: .now))")
    }
}
