import Domain
import Foundation
import Ledger
import Platform
import Shell

/// A source of planned draws.
protocol DrawPlanner {
    /// Returns the draws of the days around an instant, cancelled ones left out, and the faults of those that cannot be
    /// planned.
    ///
    /// - Parameter daysBefore: the days before that of `now`; those after it cover the next openings.
    func draws(around now: Instant, daysBefore: Int) -> (openings: [DrawOpening], faults: [CalendarFault])
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

    /// Returns the draws that are open at an instant, whose opening has passed and whose cut-off has not, and the faults
    /// of the calendar around it.
    func openings(at now: Instant) -> (openings: [DrawOpening], faults: [CalendarFault]) {
        let (openings, faults) = planner.draws(around: now, daysBefore: 1)
        return (openings.filter { $0.opens <= now && ($0.cutOff.map { now < $0 } ?? true) }, faults)
    }

    /// Returns the draws that open next, on the days that the calendar opens ahead.
    func planned(after now: Instant) -> [DrawOpening] {
        planner.draws(around: now, daysBefore: 1).openings.filter { $0.opens > now }
    }

    /// Returns the draws whose cut-off lies between two instants.
    func closed(after first: Instant, before now: Instant) -> [DrawOpening] {
        let days = Int((now.milliseconds - min(now, first).milliseconds) / 86_400_000) + 1
        return planner.draws(around: now, daysBefore: min(days, Self.maxMissedDays)).openings.filter { opening in
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

    func draws(around now: Instant, daysBefore: Int) -> (openings: [DrawOpening], faults: [CalendarFault]) {
        var (openings, faults): ([DrawOpening], [CalendarFault]) = ([], [])
        let first = zone.today(now.milliseconds).adding(days: -daysBefore)
        // A draw opens up to `openDays` before its date; some more days, so that HELLO can name the next opening.
        for offset in 0..<daysBefore + calendar.openDays + 8 {
            do throws(CalendarFault) {
                let plan = try DrawPlan(
                    calendar, from: first.adding(days: offset), days: 1, zone: zone, faults: &faults)
                openings += plan.draws.filter { !$0.draw.isCancelled }.map { planned in
                    DrawOpening(
                        draw: planned.draw.id, opens: Instant(milliseconds: UInt64(planned.opens) * 1000),
                        cutOff: Instant(milliseconds: UInt64(planned.closes) * 1000), number: planned.draw.number,
                        by: Self.opener)
                }
            } catch {
                faults.append(error)
            }
        }
        return (openings, faults)
    }

    /// The opener of the draws, in terms and events.
    static let opener = "calendar"
}
