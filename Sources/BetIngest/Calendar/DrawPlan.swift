/// The draws of some days.
struct DrawPlan: Sendable {
    struct Draw: Sendable {
        var draw: DrawCalendar.Draw
        /// Seconds since 1970.
        var opens: Int
        var closes: Int
    }

    private(set) var draws: [Draw] = []

    /// Plans the days from `first` on.
    ///
    /// - Throws: ``CalendarFault`` at the first draw whose times are not instants.
    init(_ calendar: DrawCalendar, from first: CalendarDay, days: Int, zone: TimeZoneRules) throws(CalendarFault) {
        for offset in 0..<days {
            for draw in try calendar.draws(on: first.adding(days: offset)) {
                do throws(TimeZoneFault) {
                    let opens = try zone.instant(draw.date.adding(days: -calendar.openDays), draw.times.opens)
                    draws.append(Draw(draw: draw, opens: opens, closes: try zone.instant(draw.date, draw.times.closes)))
                } catch {
                    throw .zone(draw.id, error)
                }
            }
        }
    }
}
