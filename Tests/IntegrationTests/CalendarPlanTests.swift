import TestKit
import Testing

/// `bet-ingest calendar plan`, with the zone files of the machine.
struct CalendarPlanTests {
    private func plan(_ calendar: String, _ arguments: String) throws -> ShellScript {
        try ShellScript(
            "cat >calendar.yaml <<'E'\n\(calendar)\nE\nbet-ingest calendar plan \(arguments)", in: TemporaryFolder())
    }

    @Test("draws are printed in local time and UTC, exceptions with their reason")
    func table() throws {
        let calendar = """
            timeZone: America/Argentina/Buenos_Aires
            openDays: 1
            draws:
              nocturna: { days: mon-sat, opens: "00:05", closes: "20:50", number: entered, saturday: { closes: "20:45" } }
            exceptions:
              - { date: 2026-12-24, draw: nocturna, closes: "18:50", declared: 2026-11-02, by: Directorio, reason: Nochebuena }
              - { date: 2026-12-25, draw: all, cancelled: true, declared: 2026-11-02, by: Directorio, reason: Navidad }
            """
        let outcome = try plan(calendar, "--from 2026-12-24 --days 4")
        let rows = outcome.output.split(separator: "\n").dropFirst(2).map { row in
            row.split(separator: " ", omittingEmptySubsequences: true).joined(separator: " ")
        }
        #expect(
            rows == [
                "2026-12-24-nocturna thu 2026-12-23 00:05 -03 2026-12-24 18:50 -03 2026-12-23T03:05:00Z "
                    + "2026-12-24T21:50:00Z entered moved: Nochebuena (Directorio, 2026-11-02)",
                "2026-12-25-nocturna fri 2026-12-24 00:05 -03 2026-12-25 20:50 -03 2026-12-24T03:05:00Z "
                    + "2026-12-25T23:50:00Z entered cancelled: Navidad (Directorio, 2026-11-02)",
                "2026-12-26-nocturna sat 2026-12-25 00:05 -03 2026-12-26 20:45 -03 2026-12-25T03:05:00Z "
                    + "2026-12-26T23:45:00Z entered",
            ], "\(outcome)")
        let json = try plan(calendar, "--from 2026-12-25 --days 1 --output json")
        #expect(json.output.contains(#""cancelled":true,"closes":"2026-12-25T23:50:00Z""#), "\(json)")
    }

    @Test(
        "a time that daylight saving skips or repeats is an error that names the day, and 78",
        arguments: [
            ("2026-03-29", "02:30", "02:30 does not exist on 2026-03-29 in Europe/Madrid"),
            ("2026-10-25", "02:30", "02:30 exists twice on 2026-10-25 in Europe/Madrid"),
            ("2026-03-29", "03:00", ""), ("2026-10-25", "03:00", ""),
        ])
    func daylightSaving(_ day: String, _ closes: String, _ fault: String) throws {
        let outcome = try plan(
            """
            timeZone: Europe/Madrid
            draws:
              tarde: { days: mon-sun, opens: "01:00", closes: "\(closes)", number: configured }
            """, "--from \(day) --days 1")
        #expect(outcome.code == (fault.isEmpty ? 0 : 78) && outcome.errors.contains(fault), "\(outcome)")
    }

    @Test("a calendar that is missing or has another kind of time zone is an error, and 78")
    func faulty() throws {
        #expect(try ShellScript("bet-ingest calendar plan", in: TemporaryFolder()).code == 78)
        let outcome = try plan(
            "timeZone: ART\ndraws:\n  a: { days: mon, opens: \"01:00\", closes: \"02:00\", number: entered }", "")
        #expect(outcome.code == 78 && outcome.errors.contains("ART is not the name of a time zone"), "\(outcome)")
    }
}
