import NIOConcurrencyHelpers
import Testing

@testable import BetIngest

struct FrameBudgetTests {
    @Test("who finds no room is served in turn, and a small one does not overtake a large one")
    func line() {
        let budget = FrameBudget(byteCount: 100)
        let granted = NIOLockedValueBox<[Int]>([])
        func reserve(_ byteCount: Int) -> Bool {
            budget.reserve(byteCount) { granted.withLockedValue { $0.append(byteCount) } } == nil
        }
        #expect(reserve(60))
        #expect(reserve(40))
        #expect(!reserve(70))
        #expect(!reserve(10))
        budget.release(40)
        #expect(granted.withLockedValue { $0 } == [])
        budget.release(60)
        #expect(granted.withLockedValue { $0 } == [70, 10])
        #expect(budget.availableBytes == 20)
        budget.release(80)
        #expect(budget.availableBytes == 100)
        #expect(reserve(100))
    }

    @Test("who leaves the line lets the next one in, and what may not wait does not")
    func leaving() {
        let budget = FrameBudget(byteCount: 100)
        let granted = NIOLockedValueBox<[Int]>([])
        #expect(budget.reserve(50) {} == nil)
        let large = budget.reserve(90) { granted.withLockedValue { $0.append(90) } }
        _ = budget.reserve(40) { granted.withLockedValue { $0.append(40) } }
        #expect(budget.isShort)
        if let large { budget.cancel(large) }
        #expect(granted.withLockedValue { $0 } == [40])
        #expect(!budget.isShort)
        budget.reserveNow(30)
        #expect(budget.availableBytes == -20)
    }
}
