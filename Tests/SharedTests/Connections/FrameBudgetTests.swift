import Connections
import NIOConcurrencyHelpers
import Testing

struct FrameBudgetTests {
    private let granted = NIOLockedValueBox<[(Int, Reservation)]>([])

    private var grantedBytes: [Int] { granted.withLockedValue { $0.map(\.0) } }

    /// - Returns: the reservation; nil if the request waits.
    private func reserve(
        _ byteCount: Int, _ budget: FrameBudget, _ account: FrameBudget.Account = .proven
    ) -> Reservation? {
        let granted = granted
        let request = budget.reserve(byteCount, account) { reservation in
            granted.withLockedValue { $0.append((byteCount, reservation)) }
        }
        if case .reserved(let reservation) = request { return reservation }
        return nil
    }

    @Test("requests without room are granted in turn, and a small one does not overtake a large one")
    func line() {
        let budget = FrameBudget(byteCount: 100, maxFrameBytes: 100)
        var (first, second) = (reserve(60, budget), reserve(40, budget))
        #expect(first != nil && second != nil)
        #expect(reserve(70, budget) == nil)
        #expect(reserve(10, budget) == nil)
        second = nil
        #expect(grantedBytes == [])
        first = nil
        #expect(grantedBytes == [70, 10])
        #expect(budget.availableBytes == 20)
        granted.withLockedValue { $0.removeAll() }
        #expect(budget.availableBytes == 100)
        withExtendedLifetime((first, second)) {}
    }

    @Test("a cancelled request makes way for the next one")
    func cancel() {
        let budget = FrameBudget(byteCount: 100, maxFrameBytes: 100)
        let first = reserve(50, budget)
        guard case .waits(let ticket) = budget.reserve(90, .proven, otherwise: { _ in Issue.record("granted") }) else {
            Issue.record("90 of 50 bytes were reserved")
            return
        }
        #expect(reserve(40, budget) == nil)
        #expect(budget.isShort)
        budget.cancel(ticket)
        #expect(grantedBytes == [40])
        #expect(!budget.isShort)
        withExtendedLifetime(first) {}
    }

    @Test("frames in progress of unproven peers share a quarter of the budget and a queue of their own")
    func unknown() {
        let budget = FrameBudget(byteCount: 400, maxFrameBytes: 50)
        var held = [reserve(50, budget, .unproven), reserve(50, budget, .unproven)]
        #expect(held.allSatisfy { $0 != nil })
        #expect(reserve(10, budget, .unproven) == nil)
        #expect(reserve(300, budget) != nil)
        held.removeLast()
        #expect(grantedBytes == [10])
    }

    @Test("a reservation releases the bytes its frame does not need, and the rest with its last reference")
    func shrink() {
        let budget = FrameBudget(byteCount: 100, maxFrameBytes: 100)
        var reservation = reserve(80, budget)
        reservation?.shrink(to: 30)
        #expect(budget.availableBytes == 70)
        reservation?.shrink(to: 60)
        #expect(budget.availableBytes == 70)
        reservation = nil
        #expect(budget.availableBytes == 100)
    }
}
