import TestKit
import Testing

@testable import Agency

struct RetryPolicyTests {
    @Test("delays double up to the maximum, each less up to a random half, and restart after an answer")
    func growth() {
        let seed = UInt64.random(in: 0...UInt64.max)
        var dice = SeededGenerator(seed: seed)
        var policy = RetryPolicy(initial: .milliseconds(100), max: .milliseconds(1000))
        for step in [100, 200, 400, 800, 1000, 1000, 1000] {
            let delay = policy.nextDelay(using: &dice)
            #expect(delay <= .milliseconds(step) && delay >= .milliseconds(step / 2), "seed \(seed)")
        }
        policy.reset()
        #expect(policy.nextDelay(using: &dice) <= .milliseconds(100))
    }

    @Test("two agencies that failed together do not reconnect together")
    func jitter() {
        var (first, second) = (SeededGenerator(seed: 1), SeededGenerator(seed: 2))
        var policies = [RetryPolicy](repeating: RetryPolicy(initial: .seconds(1), max: .seconds(60)), count: 2)
        #expect(policies[0].nextDelay(using: &first) != policies[1].nextDelay(using: &second))
    }
}
