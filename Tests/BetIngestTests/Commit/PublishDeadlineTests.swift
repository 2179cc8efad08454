import ReplicatedLedger
import Testing

/// How long a node waits for the engine before it asks again.
struct PublishDeadlineTests {
    @Test("a publish has two seconds while answers are quick")
    func quick() {
        var deadline = PublishDeadline()
        #expect(deadline.duration == .seconds(2))
        for _ in 1...100 { deadline.didAnswer(after: .milliseconds(20)) }
        #expect(deadline.duration == .seconds(2))
    }

    @Test("under load it has longer, and two seconds again afterwards")
    func load() {
        var deadline = PublishDeadline()
        for index in 1...100 { deadline.didAnswer(after: .milliseconds(index % 2 == 0 ? 800 : 1600)) }
        #expect(deadline.duration > .milliseconds(2500) && deadline.duration < .milliseconds(4000))
        for _ in 1...100 { deadline.didAnswer(after: .milliseconds(20)) }
        #expect(deadline.duration == .seconds(2))
    }

    @Test("each round without answers doubles it, however many publishes were in it, up to ten seconds")
    func silence() {
        var deadline = PublishDeadline()
        for _ in 1...50 { deadline.didExpire(after: .seconds(2)) }
        #expect(deadline.duration == .seconds(4))
        for _ in 1...50 { deadline.didExpire(after: .seconds(4)) }
        #expect(deadline.duration == .seconds(8))
        for _ in 1...50 { deadline.didExpire(after: .seconds(8)) }
        #expect(deadline.duration == .seconds(10))
    }
}
