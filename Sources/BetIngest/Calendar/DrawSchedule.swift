import Domain
import Foundation
import Ledger
import Shell

/// A source of planned draws.
protocol DrawPlanner {
    /// Returns the draws of the days around an instant, cancelled ones left out.
    ///
    /// - Parameter daysBefore: the days before that of `now`; those after it cover the next openings.
    /// - Throws: ``CalendarFault``.
    func draws(around now: Instant, daysBefore: Int) throws(CalendarFault) -> [DrawOpening]
}

/// The draws that are due, planned and missed at an instant.
///
/// Isolation: the main thread.
struct DrawSchedule {
    private let planner: any DrawPlanner

    init(_ planner: any DrawPlanner) {
        self.planner = planner
    }

    /// The days before now that are looked at for missed draws.
    private static let maxMissedDays = 31

    /// Returns the draws that are open at an instant: their opening has passed, and their cut-off has not.
    ///
    /// - Throws: ``CalendarFault``.
    func openings(at now: Instant) throws(CalendarFault) -> [DrawOpening] {
        try planner.draws(around: now, daysBefore: 1).filter { $0.opens <= now && ($0.cutOff.map { now < $0 } ?? true) }
    }

    /// Returns the draws that open next, on the days that the calendar opens ahead.
    ///
    /// - Throws: ``CalendarFault``.
    func planned(after now: Instant) throws(CalendarFault) -> [DrawOpening] {
        try planner.draws(around: now, daysBefore: 1).filter { $0.opens > now }
    }

    /// Returns the draws whose cut-off lies between two instants.
    ///
    /// - Throws: ``CalendarFault``.
    func closed(after first: Instant, before now: Instant) throws(CalendarFault) -> [DrawOpening] {
        let days = Int((now.milliseconds - min(now, first).milliseconds) / 86_400_000) + 1
        return try planner.draws(around: now, daysBefore: min(days, Self.maxMissedDays)).filter { opening in
            opening.cutOff.map { first < $0 && $0 <= now } ?? false
        }
    }
}

/// A calendar in its time zone.
///
/// Isolation: the main thread (``TimeZoneRules``).
struct CalendarPlanner: DrawPlanner {
    let calendar: DrawCalendar
    let zone: TimeZoneRules

    /// Reads a calendar, and sets the time zone of the process to its zone.
    ///
    /// - Throws: ``ConfigurationError``.
    init(path: String) throws(ConfigurationError) {
        guard let bytes = FileManager.default.contents(atPath: path) else {
            throw ConfigurationError([
                "\(path): the file does not exist or cannot be read; name the calendar with --file, or with calendar in "
                    + "config.yaml"
            ])
        }
        calendar = try CalendarFile.read(path: path, text: String(decoding: bytes, as: UTF8.self))
        do throws(TimeZoneFault) {
            zone = try TimeZoneRules(calendar.timeZone)
        } catch {
            throw ConfigurationError(["\(path): \(error)"])
        }
    }

    func draws(around now: Instant, daysBefore: Int) throws(CalendarFault) -> [DrawOpening] {
        let first = zone.today(now.milliseconds).adding(days: -daysBefore)
        // A draw opens up to `openDays` before its date; two more days, so that there is always a next one tomorrow.
        let plan = try DrawPlan(calendar, from: first, days: daysBefore + calendar.openDays + 3, zone: zone)
        return plan.draws.filter { !$0.draw.isCancelled }.map { planned in
            DrawOpening(
                draw: planned.draw.id, opens: Instant(milliseconds: UInt64(planned.opens) * 1000),
                cutOff: Instant(milliseconds: UInt64(planned.closes) * 1000), number: planned.draw.number,
                by: Self.opener)
        }
    }

    /// The opener of the draws, in terms and events.
    static let opener = "calendar"
}
