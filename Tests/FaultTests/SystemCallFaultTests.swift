import Foundation
import Shell
import TestKit
import Testing

/// Tests in which every system call of the real bet-ingest on its data folder fails once, in every possible way.
///
/// Goal: the service continues as if nothing had happened, or says what is wrong and ends with 70. Everything that it
/// has acknowledged is stored. The next start resumes, and the draw is right.
///
/// Method: a run without faults lists the calls; then each call and each fault has a run. CI takes some of them, at a
/// fixed stride; FAULTS=full takes all.
struct SystemCallFaultTests {
    private static let isFull = ProcessInfo.processInfo.environment["FAULTS"] == "full"
    /// A prime, so that no kind of fault is skipped.
    private static let stride = isFull ? 1 : 17

    @Test(
        "after a failed system call the service continues or ends with 70, and nothing is lost",
        arguments: FaultScenario.Start.allCases)
    func everyCall(_ start: FaultScenario.Start) throws {
        let begin = ContinuousClock.now
        let scenario = try FaultScenario(start)
        let reference = try scenario.attempt(nil)
        #expect(reference.exitCode == 0, "\(reference.log)")
        if scenario.isDrawn { try reference.folder.checkDraw("\(start), no fault") }
        let faults = reference.calls.flatMap(Fault.all)
        let chosen = Swift.stride(from: 0, to: faults.count, by: Self.stride).map { faults[$0] }
        var unreached = 0
        for fault in chosen {
            let isReached = try check(fault, scenario, expected: fault.expected(isDirect: FaultScenario.isDirect))
            if !isReached { unreached += 1 }
        }
        // Main thread and committer may interleave their calls differently, so that a call is not made.
        #expect(unreached * 20 <= chosen.count + 20, "\(unreached) of \(chosen.count) faults never happened")
        writeError(
            "faults, \(start): \(reference.calls.count) calls, \(faults.count) faults, \(chosen.count) tried "
                + "(every \(Self.stride)), \(unreached) not reached, \(begin.duration(to: .now))")
    }

    @Test("if the start that made the data folder does not sync the folder above it, the next start does")
    func folderAboveData() throws {
        let folder = try FaultFolder()
        let sync = TracedCall(name: "fsync", path: ".", ordinal: 1)
        #expect(try folder.serve(Fault(call: sync, kind: .ioErrorBefore)).waitForExit() == 70)
        #expect(try folder.calls().failed == sync)
        let ingest = try folder.serve()
        _ = try ingest.waitForAddress()
        let calls = try folder.calls().all
        #expect(calls.contains(sync))
    }

    /// Runs the scenario with one fault and checks the outcome.
    ///
    /// - Returns: whether it happened.
    private func check(_ fault: Fault, _ scenario: FaultScenario, expected: Fault.Outcome) throws -> Bool {
        let name = "\(scenario.start), \(fault)"
        do {
            let attempt = try scenario.attempt(fault)
            if case .ends(let text) = expected, attempt.wasReached {
                #expect(attempt.exitCode == 70, "\(name): \(attempt.log)")
                let errors = attempt.log.split(separator: "\n").filter { $0.contains("action: run | result: fail") }
                #expect(errors.contains { $0.contains(text) }, "\(name): \(attempt.log)")
            } else if expected == .either {
                #expect(attempt.exitCode == 0 || attempt.exitCode == 70, "\(name): \(attempt.log)")
            } else {
                #expect(attempt.exitCode == 0, "\(name): \(attempt.log)")
            }
            if attempt.exitCode != 0 || !scenario.isDrawn { try scenario.finish(attempt, name) }
            try attempt.folder.checkDraw(name)
            return attempt.wasReached
        } catch {
            Issue.record("\(name): \(error)")
            return true
        }
    }
}
