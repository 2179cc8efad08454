import Domain
import Glibc
import Platform

/// Instants of the server's clock in the time zone of the calendar; without a calendar, of this machine.
enum LocalTime {
    /// The clock of this machine, which is the services' clock: their sockets are local.
    static var now: Instant { Instant(milliseconds: SystemCall.unixMilliseconds()) }

    private static func parts(_ instant: Instant) -> tm {
        var seconds = time_t(instant.milliseconds / 1000)
        var parts = tm()
        localtime_r(&seconds, &parts)
        return parts
    }

    /// For example `21:04:05`.
    static func clock(_ instant: Instant) -> String {
        let parts = parts(instant)
        return [parts.tm_hour, parts.tm_min, parts.tm_sec].map(twoFigures).joined(separator: ":")
    }

    /// For example `2026-12-24`.
    static func day(_ instant: Instant) -> String {
        let parts = parts(instant)
        return "\(1900 + parts.tm_year)-\(twoFigures(parts.tm_mon + 1))-\(twoFigures(parts.tm_mday))"
    }

    /// The clock, with the day if that is another one than today's.
    static func clock(_ instant: Instant, today: Instant) -> String {
        day(instant) == day(today) ? clock(instant) : "\(day(instant)) \(clock(instant))"
    }

    /// Reads a day and a time of a form, for example `2026-12-24T21:30` with or without seconds.
    ///
    /// - Throws: ``FormFault``: another text, or a time that the zone skips or has twice on that day.
    static func instant(_ text: String) throws(FormFault) -> Instant {
        let parts = text.split(separator: "T", omittingEmptySubsequences: false)
        guard parts.count == 2, let day = CalendarDay(String(parts[0])), let time = TimeOfDay(String(parts[1])) else {
            throw FormFault("The time is “\(text)”; a day and a time such as 2026-12-24T21:30:00 are expected.")
        }
        do throws(TimeZoneFault) {
            return Instant(milliseconds: UInt64(max(0, try TimeZoneRules().instant(day, time))) * 1000)
        } catch {
            throw FormFault("The time cannot be used: \(error).")
        }
    }

    /// The zone's abbreviation, for example `CET`.
    static func zone(_ instant: Instant) -> String {
        parts(instant).tm_zone.map { String(cString: $0) } ?? "UTC"
    }

    private static func twoFigures(_ number: Int32) -> String { number < 10 ? "0\(number)" : "\(number)" }
}

/// Numbers as people read them.
enum Figure {
    /// For example `78,697`.
    static func grouped(_ number: some BinaryInteger) -> String {
        var digits = Array(String(number))
        var at = digits.count - 3
        while at > 0, digits[at - 1].isNumber {
            digits.insert(",", at: at)
            at -= 3
        }
        return String(digits)
    }

    /// For example `4.2 GB`.
    static func bytes(_ count: Double) -> String {
        let units = ["B", "KB", "MB", "GB", "TB", "PB"]
        var (value, unit) = (count, 0)
        while value >= 1000, unit < units.count - 1 {
            value /= 1000
            unit += 1
        }
        return "\(threeFigures(value)) \(units[unit])"
    }

    /// For example `62 µs`, `1.5 ms`, `2.0 s`.
    static func seconds(_ value: Double) -> String {
        if value < 0.001 { return "\(threeFigures(value * 1_000_000)) µs" }
        if value < 1 { return "\(threeFigures(value * 1000)) ms" }
        return "\(threeFigures(value)) s"
    }

    /// For example `3 h 20 min`, `12 min 5 s`, `4 s`.
    static func span(_ seconds: Int) -> String {
        let (days, hours, minutes) = (seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60)
        if days > 0 { return "\(days) d \(hours) h" }
        if hours > 0 { return "\(hours) h \(minutes) min" }
        return minutes > 0 ? "\(minutes) min \(seconds % 60) s" : "\(max(0, seconds)) s"
    }

    private static func threeFigures(_ value: Double) -> String {
        if value >= 100 || value == value.rounded() { return String(Int(value.rounded())) }
        let scale = value >= 10 ? 10.0 : 100.0
        let whole = Int((value * scale).rounded())
        let digits = String(whole % Int(scale))
        let padding = String(repeating: "0", count: (scale == 10 ? 1 : 2) - digits.count)
        return "\(whole / Int(scale)).\(padding)\(digits)"
    }
}
