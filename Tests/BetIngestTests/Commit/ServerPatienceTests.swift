import ReplicatedLedger
import Testing

/// A program leaves a server that answers nothing.
struct ServerPatienceTests {
    private let start = ContinuousClock.now

    /// Asks every second, without an answer; returns the seconds after which the server is left.
    private func leaves(_ patience: inout ServerPatience, _ seconds: ClosedRange<Int>) -> [Int] {
        seconds.filter {
            patience.didAsk(.publish, at: start + .seconds($0 - 1), isAnswered: false, now: start + .seconds($0))
        }
    }

    @Test("a server that answers nothing is left after ten seconds, the next one after twenty, then after up to sixty")
    func silence() {
        var patience = ServerPatience()
        let leaves = leaves(&patience, 1...300)
        #expect(leaves == [10, 30, 70, 130, 190, 250])
    }

    @Test("an answer begins it anew")
    func answer() {
        var patience = ServerPatience()
        let before = leaves(&patience, 1...35)
        let isLeft = patience.didAsk(.publish, at: start, isAnswered: true, now: start + .seconds(36))
        let after = leaves(&patience, 40...60)
        #expect(before == [10, 30] && !isLeft && after == [49])
    }

    @Test("one question that takes long is as long as many")
    func long() {
        var patience = ServerPatience()
        let isLeft = patience.didAsk(.publish, at: start, isAnswered: false, now: start + .seconds(10))
        #expect(isLeft)
    }

    @Test("old answers to reads do not count for publishes, and the next server has its own time for both")
    func reads() {
        var patience = ServerPatience()
        let leaves = (0...25).filter { second in
            let now = start + .seconds(second)
            // The first server answers reads for two seconds, the second one everything after its first three.
            let isRead = patience.didAsk(.read, at: now, isAnswered: second < 2 || second > 13, now: now)
            let isPublished = patience.didAsk(.publish, at: now, isAnswered: second > 13, now: now)
            return isRead || isPublished
        }
        #expect(leaves == [10])
    }
}
