import Platform
import Testing

struct MonitorTests {
    @Test("a waiter gets the value that another thread puts")
    func handOver() {
        let monitor = Monitor<[Int]>([])
        let taker = Monitor<[Int]>([])
        let threads = (0..<3).map { number in
            NamedThread("taker-\(number)") {
                for _ in 0..<100 {
                    let value = monitor.wait { $0.popLast() }
                    taker.withLock { taken in
                        if let value { taken.append(value) }
                    }
                }
            }
        }
        for value in 0..<300 {
            monitor.withLock { $0.append(value) }
            monitor.wakeOne()
        }
        for thread in threads { thread.join() }
        #expect(taker.withLock { $0.sorted() } == Array(0..<300))
    }

    @Test("a wait ends at its deadline")
    func deadline() {
        let monitor = Monitor(0)
        let start = ContinuousClock.now
        #expect(monitor.wait(until: .now + .milliseconds(20)) { $0 > 0 ? $0 : nil } == nil)
        #expect(start.duration(to: .now) >= .milliseconds(20))
    }
}
