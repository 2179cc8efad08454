import Domain
import Foundation
import Ledger
import Platform
import Shell
import TestKit
import Testing

@testable import BetIngest

/// Simulated days of many draws at once.
///
/// With `FAULTS=full` ten years of calendars in three time zones, otherwise some weeks.
struct SimulatedDaysTests {
    private static let isFull = ProcessInfo.processInfo.environment["FAULTS"] == "full"

    /// The draws of some days of one calendar, from the shipped command.
    private struct Season {
        var zone: String
        var openings: [DrawOpening]
    }

    private struct Plan: Decodable {
        struct Draw: Decodable {
            var draw, opens, closes, number: String
            var cancelled: Bool
        }
        var draws: [Draw]
    }

    /// Ten draws a day, one of which is open for less than an hour, and exceptions that a seed chooses.
    ///
    /// In even years they open on the day before.
    private static func calendar(_ zone: String, year: Int, _ random: inout SeededGenerator) -> String {
        var text = "timeZone: \(zone)\nopenDays: \(year % 2 == 0 ? 1 : 0)\ndraws:\n"
        for index in 0..<10 {
            // Not at two: on one day of the year that hour does not exist in Madrid, and such a calendar is rejected.
            let opens = index == 9 && year % 2 == 1 ? "19:20" : String(format: "%02d:05", index == 2 ? 3 : index)
            let closes = String(format: "%02d:%02d", 10 + index, index * 5)
            text += "  d\(index): { days: mon-sun, opens: \"\(opens)\", closes: \"\(closes)\", "
            text += "number: \(index % 3 == 0 ? "configured" : "entered") }\n"
        }
        text += "exceptions:\n"
        for month in 1...12 {
            let day = String(format: "%04d-%02d-%02d", year, month, Int.random(in: 1...28, using: &random))
            let draw = "d\(Int.random(in: 0...8, using: &random))"
            let change = Bool.random(using: &random) ? "cancelled: true" : "closes: \"09:30\""
            text += "  - { date: \(day), draw: \(draw), \(change), declared: 2026-01-02, by: seed, reason: permuted }\n"
        }
        return text
    }

    /// Plans a year in parts of ten days, by `bet-ingest calendar plan`.
    private static func seasons(_ zone: String, year: Int, days: Int) throws -> [Season] {
        var random = SeededGenerator(seed: UInt64(year))
        let folder = try TemporaryFolder()
        try calendar(zone, year: year, &random).write(
            toFile: folder.path + "/calendar.yaml", atomically: true, encoding: .utf8)
        var seasons: [Season] = []
        var first = CalendarDay(year: year, month: 1, day: 2)
        while seasons.count * 10 < days {
            let program = try TestProgram(
                "bet-ingest",
                ["calendar", "plan", "--days", "\(min(10, days))", "--from", "\(first)", "--output", "json"],
                in: folder.path)
            try #require(try program.waitForExit() == 0, "\(program.log)")
            let plan = try JSONDecoder().decode(Plan.self, from: Data(program.standardOutput.utf8))
            let openings = try plan.draws.filter { !$0.cancelled }.map { draw in
                DrawOpening(
                    draw: try #require(DrawID(draw.draw)), opens: try instant(draw.opens),
                    cutOff: try instant(draw.closes), number: draw.number == "configured" ? .configured : .entered,
                    by: CalendarPlanner.opener)
            }
            seasons.append(Season(zone: zone, openings: openings.sorted { $0.opens < $1.opens }))
            first = first.adding(days: 10)
        }
        return seasons
    }

    private static func instant(_ text: String) throws -> Instant {
        try #require(Instant(text.replacingOccurrences(of: "Z", with: ".000Z")))
    }

    @Test(
        "each planned draw is opened once and ends right, whatever happens: nothing late is in, nothing acknowledged is out"
    )
    func days() throws {
        let zones = ["America/Argentina/Buenos_Aires", "Europe/Madrid", "UTC"]
        var (draws, late, acknowledged, missed, void, steps) = (0, 0, 0, 0, 0, 0)
        for (index, zone) in zones.enumerated() {
            for year in Self.isFull ? 2026...2035 : 2027...2027 {
                for (number, season) in try Self.seasons(zone, year: year, days: Self.isFull ? 360 : 6).enumerated() {
                    let seed = UInt64(year * 1000 + number * 3 + index)
                    let days = try SimulatedDays(seed: seed, plan: season.openings)
                    let faults = days.run()
                    #expect(faults == [], "\(zone)")
                    draws += season.openings.count
                    late += days.auditor.lateCount
                    acknowledged += days.auditor.acknowledgedCount
                    missed += days.auditor.missed.count
                    void += days.auditor.void
                    steps += days.steps
                }
            }
        }
        try writeOutput(
            "simulated days: \(draws) draws, \(steps) steps, \(acknowledged) chunks acknowledged, \(late) late, "
                + "\(void) draws void, \(missed) missed")
        #expect(draws > 100 && late > 10 && acknowledged > 100 && void > 0)
    }
}
