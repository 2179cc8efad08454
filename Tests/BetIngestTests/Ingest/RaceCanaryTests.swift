import Foundation
import Platform
import Testing

/// A deliberate data race that `make tsan` must catch: this proves that the sanitizer works.
struct RaceCanaryTests {
    private final class Unguarded: @unchecked Sendable {
        var value = 0
    }

    @Test(
        "the canary: two threads write one variable",
        .enabled(if: ProcessInfo.processInfo.environment["TSAN_CANARY"] == "1", "skipped: only make tsan runs it"))
    func race() {
        let unguarded = Unguarded()
        let threads = (0..<2).map { number in
            NamedThread("racer-\(number)") { for _ in 0..<100_000 { unguarded.value += 1 } }
        }
        for thread in threads { thread.join() }
        #expect(unguarded.value > 0)
    }
}
