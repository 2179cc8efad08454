import Foundation
import Platform
import Testing

/// A data race on purpose: `make tsan` must catch it, so that its silence about the rest is known to mean something.
struct RaceCanaryTests {
    private final class Unguarded: @unchecked Sendable {
        var value = 0
    }

    @Test(
        "the canary: two threads write one variable",
        .enabled(if: ProcessInfo.processInfo.environment["TSAN_CANARY"] == "1", "skipped: only make tsan lets it race"))
    func race() {
        let unguarded = Unguarded()
        let threads = (0..<2).map { number in
            NamedThread("racer-\(number)") { for _ in 0..<100_000 { unguarded.value += 1 } }
        }
        for thread in threads { thread.join() }
        #expect(unguarded.value > 0)
    }
}
