import Platform

/// The draws of some days.
struct DrawPlan: Sendable {
    struct Draw: Sendable {
        var draw: DrawCalendar.Draw
        /// Seconds since 1970.
        var opens: Int
        var closes: Int
    }

    private(set) var draws: [Draw] = []

    /// Plans the days from `first` on; draws whose times are not instants are left out.
    ///
    /// - Parameter faults: receives the reason for each draw that is left out.
    /// - Throws: ``CalendarFault`` for a day whose exceptions contradict its rules.
    init(
        _ calendar: DrawCalendar, from first: CalendarDay, days: Int, zone: TimeZoneRules,
        faults: inout [CalendarFault]
    ) throws(CalendarFault) {
        for offset in 0..<days {
            for draw in try calendar.draws(on: first.adding(days: offset)) {
                do throws(TimeZoneFault) {
                    let opens = try zone.instant(draw.date.adding(days: -calendar.openDays), draw.times.opens)
                    draws.append(Draw(draw: draw, opens: opens, closes: try zone.instant(draw.date, draw.times.closes)))
                } catch {
                    faults.append(.zone(draw.id, error))
                }
            }
        }
    }

    /// Plans the days from `first` on.
    ///
    /// - Throws: ``CalendarFault`` at the first draw whose times are not instants.
    init(_ calendar: DrawCalendar, from first: CalendarDay, days: Int, zone: TimeZoneRules) throws(CalendarFault) {
        var faults: [CalendarFault] = []
        try self.init(calendar, from: first, days: days, zone: zone, faults: &faults)
        if let fault = faults.first { throw fault }
    }
}
