import Testing

@testable import BetIngest

/// The clocks of nodes, compared by what the servers store.
struct NodeClocksTests {
    private static let time: UInt64 = 1_763_676_675_000

    @Test("a clock that differs is reported once, when it is found twice, and again after it was right")
    func difference() {
        var clocks = NodeClocks()
        func say(_ node: String, ahead: Int, round: UInt64) -> Int? {
            let stored = Self.time + round * 15_000
            return clocks.take(node, says: UInt64(Int(stored) + ahead), storedAt: stored, own: "a")
        }
        #expect(say("b", ahead: 3000, round: 0) == nil)
        #expect(say("a", ahead: 10, round: 0) == nil)
        #expect(say("b", ahead: 3000, round: 1) == 2990)
        #expect(say("b", ahead: 3000, round: 2) == nil)
        #expect(say("b", ahead: 20, round: 3) == nil)
        #expect(say("b", ahead: -5000, round: 4) == nil)
        #expect(say("b", ahead: -5000, round: 5) == -5010)
    }

    @Test("what was stored late once is no difference of clocks")
    func storedLate() {
        var clocks = NodeClocks()
        _ = clocks.take("a", says: Self.time, storedAt: Self.time, own: "a")
        #expect(clocks.take("b", says: Self.time, storedAt: Self.time + 8000, own: "a") == nil)
        #expect(clocks.take("b", says: Self.time + 15_000, storedAt: Self.time + 15_000, own: "a") == nil)
    }
}
