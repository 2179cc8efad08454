import ArgumentParser
import Domain
import Foundation
import Ledger
import Platform
import Shell

struct CalendarCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "calendar", abstract: "Check a calendar of draws.", subcommands: [CalendarPlanCommand.self])
}

struct CalendarPlanCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "plan",
        abstract: "Print the draws of the coming days, in local time and UTC.",
        discussion: """
            Reads calendar.yaml: draws by weekday, exceptions by date (docs/operations.md, "Calendar"). A fault of the file \
            is reported with its line; a time that daylight saving skips or repeats, with its day.

            EXAMPLE
              bet-ingest calendar plan --days 30 --file calendar.yaml
            """)

    @Option(name: .shortAndLong, help: ArgumentHelp("The calendar.", valueName: "file"))
    var file = "calendar.yaml"

    @Option(help: "How many days, 1 to 400.")
    var days = 7

    @Option(help: ArgumentHelp("The first day (default: today in the calendar's time zone).", valueName: "yyyy-mm-dd"))
    var from: String?

    @Option(help: "text or json.")
    var output: PlanFormat = .text

    enum PlanFormat: String, ExpressibleByArgument {
        case text, json
    }

    /// Checks what ArgumentParser cannot.
    func validate() throws {
        guard (1...400).contains(days) else { throw ValidationError("--days \(days): 1 to 400 is expected") }
        if let from, CalendarDay(from) == nil { throw ValidationError("--from \(from): yyyy-mm-dd is expected") }
    }

    func run() throws {
        try ProgramExit.run {
            let planner = try CalendarPlanner(path: file)
            let zone = planner.zone
            let plan: DrawPlan
            do throws(CalendarFault) {
                let first = from.flatMap(CalendarDay.init) ?? zone.today(SystemCall.unixMilliseconds())
                plan = try DrawPlan(planner.calendar, from: first, days: days, zone: zone)
            } catch {
                throw ConfigurationError(["\(file): \(error)"])
            }
            try writeOutput(output == .json ? plan.json(zone) : plan.table(zone))
        }
    }
}

extension DrawPlan {
    func table(_ zone: TimeZoneRules) -> String {
        var table = TextTable(["draw", "day", "opens", "closes", "opens UTC", "closes UTC", "number", "exception"])
        for planned in draws {
            let draw = planned.draw
            let exception = draw.exception.map { exception in
                "\(draw.isCancelled ? "cancelled" : "moved"): \(exception.reason) (\(exception.by), \(exception.declared))"
            }
            table.append([
                draw.id.name, draw.date.weekday.short, zone.text(planned.opens), zone.text(planned.closes),
                TimeZoneRules.utc(planned.opens), TimeZoneRules.utc(planned.closes), draw.number.rawValue,
                exception ?? "",
            ])
        }
        return table.text
    }

    /// Returns one JSON object.
    func json(_ zone: TimeZoneRules) throws -> String {
        struct Row: Encodable {
            var draw, date, opens, closes, number: String
            var cancelled: Bool
            var reason: String?
        }
        struct Plan: Encodable {
            var timeZone: String
            var draws: [Row]
        }
        let rows = draws.map { planned in
            Row(
                draw: planned.draw.id.name, date: planned.draw.date.description,
                opens: TimeZoneRules.utc(planned.opens),
                closes: TimeZoneRules.utc(planned.closes), number: planned.draw.number.rawValue,
                cancelled: planned.draw.isCancelled, reason: planned.draw.exception?.reason)
        }
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return String(decoding: try encoder.encode(Plan(timeZone: zone.name, draws: rows)), as: UTF8.self)
    }
}
