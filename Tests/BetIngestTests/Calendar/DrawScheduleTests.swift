import Domain
import Ledger
import TestKit
import Testing

@testable import BetIngest

/// Tests of the draws that are due, planned and missed.
struct DrawScheduleTests {
    /// Draws on the given days after 1970, each open for an hour from 10:00.
    private struct Days: DrawPlanner {
        var days: [UInt64]

        func draws(around now: Instant, daysBefore: Int) -> (openings: [DrawOpening], faults: [CalendarFault]) {
            let openings = days.compactMap { day -> DrawOpening? in
                let opens = Instant(milliseconds: day * 86_400_000 + 36_000_000)
                let isNear =
                    opens.milliseconds + 86_400_000 * 3 > now.milliseconds
                    && opens.milliseconds < now.milliseconds + 86_400_000 * 3
                guard isNear, let draw = DrawID("day-\(day)") else { return nil }
                return DrawOpening(
                    draw: draw, opens: opens, cutOff: Instant(milliseconds: opens.milliseconds + 3_600_000),
                    number: .entered, by: CalendarPlanner.opener)
            }
            return (openings, [])
        }
    }

    private func at(_ day: UInt64, _ hour: UInt64) -> Instant {
        Instant(milliseconds: day * 86_400_000 + hour * 3_600_000)
    }

    @Test("a draw is due from its opening to its cut-off, planned before, and missed after")
    func schedule() {
        let schedule = DrawSchedule(Days(days: [20_000, 20_001]))
        func names(_ openings: [DrawOpening]) -> [String] { openings.map(\.draw.name) }
        #expect(names(schedule.openings(at: at(20_000, 9)).openings) == [])
        #expect(names(schedule.openings(at: at(20_000, 10)).openings) == ["day-20000"])
        #expect(names(schedule.openings(at: at(20_000, 11)).openings) == [])
        #expect(names(schedule.planned(after: at(20_000, 10))) == ["day-20001"])
        #expect(names(schedule.closed(after: at(20_000, 10), before: at(20_001, 12))) == ["day-20000", "day-20001"])
        #expect(names(schedule.closed(after: at(20_000, 11), before: at(20_001, 10))) == [])
    }
}
