import Domain
import Ledger
import Platform

/// The draws that a lottery runs: rules by weekday, and exceptions by date.
///
/// Pure. Times are local; ``DrawPlan`` turns them into instants.
struct DrawCalendar: Equatable, Sendable {
    /// Opening and cut-off of one draw.
    struct Times: Equatable, Sendable {
        var opens: TimeOfDay
        var closes: TimeOfDay
    }

    struct Rule: Equatable, Sendable {
        var name: String
        var days: Set<Weekday>
        var times: Times
        var number: DrawTerms.NumberSource
        /// Times of single weekdays.
        var timesOfDay: [Weekday: Times] = [:]
    }

    struct Exception: Equatable, Sendable {
        var date: CalendarDay
        /// Nil: all draws of the date.
        var draw: String?
        var isCancelled: Bool
        var opens: TimeOfDay?
        var closes: TimeOfDay?
        var declared: CalendarDay
        var by: String
        var reason: String
    }

    var timeZone: String
    /// Draws open this many days before their date, at their opening time.
    var openDays: Int
    var rules: [Rule]
    var exceptions: [Exception]

    struct Draw: Equatable, Sendable {
        var id: DrawID
        var date: CalendarDay
        var times: Times
        var number: DrawTerms.NumberSource
        var exception: Exception?

        var isCancelled: Bool { exception?.isCancelled == true }
    }

    /// The draws of a day, in the order of their cut-offs.
    ///
    /// - Throws: ``CalendarFault/order(_:_:)`` if an exception makes a draw close before it opens.
    func draws(on date: CalendarDay) throws(CalendarFault) -> [Draw] {
        var draws: [Draw] = []
        for rule in rules where rule.days.contains(date.weekday) {
            guard let id = DrawID("\(date)-\(rule.name)") else { continue }
            var times = rule.timesOfDay[date.weekday] ?? rule.times
            // An exception of one draw comes before one of all.
            let exception =
                exceptions.last { $0.date == date && $0.draw == rule.name }
                ?? exceptions.last { $0.date == date && $0.draw == nil }
            if let opens = exception?.opens { times.opens = opens }
            if let closes = exception?.closes { times.closes = closes }
            if openDays == 0, times.closes <= times.opens { throw .order(id, times) }
            draws.append(Draw(id: id, date: date, times: times, number: rule.number, exception: exception))
        }
        return draws.sorted { ($0.times.closes, $0.id.name) < ($1.times.closes, $1.id.name) }
    }
}

/// A fault of a day.
enum CalendarFault: Error, Equatable, Sendable, CustomStringConvertible {
    case order(DrawID, DrawCalendar.Times)
    case zone(DrawID, TimeZoneFault)

    var description: String {
        switch self {
        case .order(let draw, let times): "draw \(draw) closes at \(times.closes), and opens at \(times.opens)"
        case .zone(let draw, let fault): "draw \(draw): \(fault)"
        }
    }
}
