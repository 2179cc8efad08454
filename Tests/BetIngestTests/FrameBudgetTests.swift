import NIOConcurrencyHelpers
import Testing

@testable import BetIngest

struct FrameBudgetTests {
    @Test("who finds no room is served in turn, and a small one does not overtake a large one")
    func line() {
        let budget = FrameBudget(byteCount: 100)
        let granted = NIOLockedValueBox<[Int]>([])
        func reserve(_ byteCount: Int) -> Bool {
            budget.reserve(byteCount) { granted.withLockedValue { $0.append(byteCount) } }
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
}
