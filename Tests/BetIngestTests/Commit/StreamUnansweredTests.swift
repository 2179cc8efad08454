import Platform
import TestKit
import Testing

@testable import BetIngest

/// The oldest request of a node without an answer, which its metrics report.
struct StreamUnansweredTests {
    private func waits(for isTrue: () -> Bool) -> Bool {
        let deadline = ContinuousClock.now + .seconds(30)
        while !isTrue() {
            if ContinuousClock.now >= deadline { return false }
            _ = Monitor(false).wait(until: .now + .milliseconds(5)) { $0 ? true : nil }
        }
        return true
    }

    @Test("once the last agency has its answer, none is missing, however long the draw waits for its number")
    func afterTheEnd() throws {
        let engine = MemoryEngine()
        let node = try StreamFixture(engine, agencies: 1)
        defer { node.stop() }
        let link = node.join(1)
        #expect(link.wait() == "welcome 1")
        engine.keepOutcomes()
        link.send(Samples.chunk(agency: 1, sequence: 1, isLast: true))
        #expect(waits { node.committer.oldestUnanswered != nil })
        engine.reportOutcomes(of: 1)
        #expect(link.wait(1) == "ok 1")
        #expect(waits { node.committer.oldestUnanswered == nil })
    }
}
