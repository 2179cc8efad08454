import ReplicatedLedger
import Testing

/// A program leaves a server that answers nothing.
struct ServerPatienceTests {
    private let start = ContinuousClock.now
    private func second(_ second: Int) -> ContinuousClock.Instant { start + .seconds(second) }

    private func connected() -> ServerPatience {
        var patience = ServerPatience()
        patience.didConnect(at: start)
        return patience
    }

    /// Publishes every second, without an answer; each server that is left is followed by another one at once.
    ///
    /// - Returns: the seconds after which a server is left.
    private func leaves(_ patience: inout ServerPatience, _ seconds: ClosedRange<Int>) -> [Int] {
        seconds.filter { now in
            let isLeft = patience.didAsk(.publish, at: second(now - 1), isAnswered: false, now: second(now))
            if isLeft { patience.didConnect(at: second(now)) }
            return isLeft
        }
    }

    @Test("a server that answers nothing is left after twelve seconds, the next one after 24, then after up to sixty")
    func silence() {
        var patience = connected()
        let leaves = leaves(&patience, 1...300)
        #expect(leaves == [12, 36, 84, 144, 204, 264])
    }

    @Test("an answer begins it anew")
    func answer() {
        var patience = connected()
        let before = leaves(&patience, 1...40)
        let isLeft = patience.didAsk(.publish, at: second(40), isAnswered: true, now: second(40))
        let after = leaves(&patience, 41...60)
        #expect(before == [12, 36] && !isLeft && after == [52])
    }

    @Test("a question that was asked before the last answer says nothing, nor one of an earlier connection")
    func older() {
        var patience = connected()
        var isLeft = [patience.didAsk(.publish, at: second(9), isAnswered: true, now: second(10))]
        isLeft.append(patience.didAsk(.publish, at: second(8), isAnswered: false, now: second(30)))
        patience.didDisconnect()
        isLeft.append(patience.didAsk(.publish, at: second(31), isAnswered: false, now: second(50)))
        patience.didConnect(at: second(51))
        isLeft.append(patience.didAsk(.publish, at: second(32), isAnswered: false, now: second(70)))
        #expect(isLeft == [false, false, false, false])
        // The first wait is still twelve seconds.
        let leaves = leaves(&patience, 71...90)
        #expect(leaves == [82])
    }

    @Test("old answers to reads do not count for publishes")
    func reads() {
        var patience = connected()
        let leaves = (0...20).filter { now in
            let isRead = patience.didAsk(.read, at: second(now), isAnswered: true, now: second(now))
            return patience.didAsk(.publish, at: second(now), isAnswered: false, now: second(now)) || isRead
        }
        #expect(leaves == [12])
    }
}
