import Platform
import Synchronization
import Testing

@testable import BetIngest

struct CompletionLatchTests {
    @Test("a thousand agencies that finish concurrently set the flag exactly once")
    func once() {
        let flips = Monitor(0)
        let latch = CompletionLatch(remaining: 1000, onDone: { flips.withLock { $0 += 1 } })
        let threads = (0..<4).map { number in
            NamedThread("finisher-\(number)") {
                for _ in 0..<250 { latch.countDown() }
            }
        }
        for thread in threads { thread.join() }
        #expect(flips.withLock { $0 } == 1)
    }

    @Test("the last agency sets the flag, no earlier one")
    func last() {
        let flips = Monitor(0)
        let latch = CompletionLatch(remaining: 3, onDone: { flips.withLock { $0 += 1 } })
        let flipsAfterEach = (0..<3).map { _ in
            latch.countDown()
            return flips.withLock { $0 }
        }
        #expect(flipsAfterEach == [0, 0, 1])
    }

    @Test("a latch without unfinished agencies is done at once")
    func none() {
        let flips = Monitor(0)
        _ = CompletionLatch(remaining: 0, onDone: { flips.withLock { $0 += 1 } })
        #expect(flips.withLock { $0 } == 1)
    }
}
