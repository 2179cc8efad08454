import Domain
import Foundation
import Platform
import Shell
import TestKit
import Testing

@testable import BetIngest

/// A calendar of draws: its file and its days.
///
/// Instants need the process's time zone: `CalendarPlanTests` runs the command.
struct DrawCalendarTests {
    private static let text = """
        timeZone: America/Argentina/Buenos_Aires
        openDays: 1
        draws:
          previa:   { days: mon-sat, opens: "00:05", closes: "10:05", number: entered }
          nocturna: { days: mon-sat, opens: "00:05", closes: "20:50", number: entered, saturday: { closes: "20:45" } }
        exceptions:
          - { date: 2026-12-25, draw: all, cancelled: true, declared: 2026-11-02, by: Directorio, reason: Navidad }
          - { date: 2026-12-24, draw: nocturna, closes: "18:50", declared: 2026-11-02, by: Directorio, reason: Nochebuena }
        """

    private func calendar(_ text: String = text) throws -> DrawCalendar {
        try CalendarFile.read(path: "calendar.yaml", text: text)
    }

    private func faults(_ text: String) -> [String] {
        do {
            _ = try calendar(text)
            return []
        } catch {
            return (error as? ConfigurationError)?.faults ?? ["\(error)"]
        }
    }

    @Test("draws follow weekdays and exceptions")
    func draws() throws {
        let calendar = try calendar()
        func day(_ text: String) throws -> [String] {
            try calendar.draws(on: try #require(CalendarDay(text))).map { draw in
                "\(draw.id) \(draw.times.closes)\(draw.isCancelled ? " cancelled" : "")"
            }
        }
        #expect(try day("2026-12-23") == ["2026-12-23-previa 10:05", "2026-12-23-nocturna 20:50"])
        #expect(try day("2026-12-24") == ["2026-12-24-previa 10:05", "2026-12-24-nocturna 18:50"])
        #expect(
            try day("2026-12-25") == ["2026-12-25-previa 10:05 cancelled", "2026-12-25-nocturna 20:50 cancelled"])
        #expect(try day("2026-12-26") == ["2026-12-26-previa 10:05", "2026-12-26-nocturna 20:45"])
        #expect(try day("2026-12-27").isEmpty)
    }

    @Test(
        "abbreviations, offsets and unknown names are not time zones", arguments: ["ART", "+03:00", "GMT-3", "a/../b"])
    func zones(_ name: String) {
        #expect(throws: TimeZoneFault.notAName(name)) { try TimeZoneRules(name) }
        #expect(throws: TimeZoneFault.unknown("Europe/Nowhere", folder: "/usr/share/zoneinfo")) {
            try TimeZoneRules("Europe/Nowhere")
        }
    }

    @Test(
        "each fault of the file is named with its line",
        arguments: [
            ("openDays: 1\n", "openDays: 8\n", "calendar.yaml:2: openDays is \"8\"; a number from 0 to 7 is expected"),
            ("mon-sat", "mon-sab", "days is \"mon-sab\"; weekdays such as mon-sat or sat,sun is expected"),
            ("\"10:05\"", "\"24:00\"", "closes is \"24:00\"; hh:mm is expected"),
            ("number: entered }", "number: drawn }", "number is \"drawn\"; configured or entered is expected"),
            ("saturday:", "sunday:", "draws.nocturna is not drawn on sunday"),
            ("draw: nocturna", "draw: matutina", "draw is \"matutina\"; all or one of nocturna, previa is expected"),
            ("date: 2026-12-25", "date: 2026-02-30", "date is \"2026-02-30\"; yyyy-mm-dd is expected"),
            ("date: 2026-12-25", "date: 2026-12-27", "2026-12-27 is a sunday, on which no draw is drawn"),
            ("date: 2026-12-24", "date: 2026-12-27", "2026-12-27 is a sunday, on which nocturna is not drawn"),
            ("cancelled: true, ", "", "an exception is either cancelled: true, or has opens or closes"),
            (", reason: Navidad", "", "reason is missing; a reason is expected"),
            ("exceptions:", "exception:", "unknown key exception in the top level"),
            ("timeZone: America/Argentina/Buenos_Aires\n", "", "timeZone is missing"),
        ])
    func faults(_ old: String, _ new: String, _ fault: String) {
        let found = faults(Self.text.replacing(old, with: new, maxReplacements: 1))
        #expect(found.contains { $0.contains(fault) }, "\(found)")
        #expect(found.allSatisfy { $0.hasPrefix("calendar.yaml:") })
    }

    @Test("a draw that closes before it opens is a fault of the day on which it does")
    func order() throws {
        let calendar = try calendar(
            Self.text.replacing("openDays: 1", with: "openDays: 0").replacing(
                "closes: \"18:50\"", with: "closes: \"00:01\""))
        let day = try #require(CalendarDay("2026-12-24"))
        #expect(throws: CalendarFault.self) { try calendar.draws(on: day) }
    }

    @Test("days are counted as the calendar counts them")
    func days() throws {
        for number in stride(from: -1000, through: 80_000, by: 37) {
            let day = CalendarDay(number: number)
            #expect(CalendarDay(day.description) == day)
            let milliseconds = UInt64(max(0, number)) * 86_400_000
            if number >= 0 { #expect(Birthdate(unixMilliseconds: milliseconds).description == day.description) }
        }
        #expect(CalendarDay(number: 0).weekday == .thursday)
        #expect(CalendarDay("2026-12-25")?.weekday == .friday)
        #expect(CalendarDay("2026-02-29") == nil && CalendarDay("2028-02-29") != nil && CalendarDay("26-2-1") == nil)
        #expect(Weekday.days("sat-mon") == [.saturday, .sunday, .monday] && Weekday.days("mon,wed-thu")?.count == 3)
    }
}
