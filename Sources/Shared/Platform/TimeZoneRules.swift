private import Glibc

/// The rules of a time zone, as glibc reads them from the machine's zone files.
///
/// Isolation: the main thread of a command. The zone is the process's (TZ), and stays set.
package struct TimeZoneRules {
    package let name: String

    private static let folder = "/usr/share/zoneinfo"

    /// Sets the process's time zone.
    ///
    /// - Parameter name: an IANA name, for example `America/Argentina/Buenos_Aires`, or `UTC`.
    /// - Throws: ``TimeZoneFault`` for abbreviations, offsets and names without a file.
    package init(_ name: String) throws(TimeZoneFault) {
        let allowed = name.utf8.allSatisfy { byte in
            isalnum(Int32(byte)) != 0 || "/_-+".utf8.contains(byte)
        }
        guard name == "UTC" || name.contains("/") && allowed && !name.contains("..") else { throw .notAName(name) }
        guard access("\(Self.folder)/\(name)", R_OK) == 0 else { throw .unknown(name, folder: Self.folder) }
        self.name = name
        setenv("TZ", name, 1)
        tzset()
    }

    /// The time zone of the machine.
    package init() {
        name = "local"
        tzset()
    }

    /// Returns the instant of a local time, in seconds since 1970.
    ///
    /// - Throws: ``TimeZoneFault`` if the zone skips the time on that day, or repeats it.
    package func instant(_ day: CalendarDay, _ time: TimeOfDay) throws(TimeZoneFault) -> Int {
        let (year, month, dayOfMonth) = day.parts
        var wanted = tm()
        wanted.tm_year = Int32(year - 1900)
        wanted.tm_mon = Int32(month - 1)
        wanted.tm_mday = Int32(dayOfMonth)
        wanted.tm_hour = Int32(time.seconds / 3600)
        wanted.tm_min = Int32(time.seconds / 60 % 60)
        wanted.tm_sec = Int32(time.seconds % 60)
        wanted.tm_isdst = -1
        var normalized = wanted
        let instant = mktime(&normalized)
        func isWanted(_ seconds: time_t) -> Bool {
            var (seconds, local) = (seconds, tm())
            localtime_r(&seconds, &local)
            return local.tm_year == wanted.tm_year && local.tm_mon == wanted.tm_mon && local.tm_mday == wanted.tm_mday
                && local.tm_hour == wanted.tm_hour && local.tm_min == wanted.tm_min && local.tm_sec == wanted.tm_sec
        }
        guard isWanted(instant) else { throw .skipped(day, time, zone: name) }
        // Clocks are set back by at most three hours, in steps of a quarter.
        for step in -12...12 where step != 0 && isWanted(instant + step * 900) {
            throw .repeated(day, time, zone: name)
        }
        return instant
    }

    /// Returns the day in the zone.
    ///
    /// - Parameter now: milliseconds since 1970.
    package func today(_ now: UInt64) -> CalendarDay {
        var (seconds, local) = (time_t(now / 1000), tm())
        localtime_r(&seconds, &local)
        return CalendarDay(year: Int(local.tm_year) + 1900, month: Int(local.tm_mon) + 1, day: Int(local.tm_mday))
    }

    /// For example `2026-12-24 18:50 -03`.
    package func text(_ instant: Int) -> String {
        var (seconds, local) = (time_t(instant), tm())
        localtime_r(&seconds, &local)
        return Self.text(&local, local.tm_sec == 0 ? "%Y-%m-%d %H:%M %Z" : "%Y-%m-%d %H:%M:%S %Z")
    }

    /// RFC 3339, for example `2026-12-24T21:50:00Z`.
    package static func utc(_ instant: Int) -> String {
        var (seconds, parts) = (time_t(instant), tm())
        gmtime_r(&seconds, &parts)
        return text(&parts, "%Y-%m-%dT%H:%M:%SZ")
    }

    private static func text(_ parts: inout tm, _ format: String) -> String {
        var buffer = [CChar](repeating: 0, count: 64)
        let count = strftime(&buffer, buffer.count, format, &parts)
        return String(decoding: buffer[..<count].map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}

/// The reason that a local time is not an instant.
package enum TimeZoneFault: Error, Equatable, Sendable, CustomStringConvertible {
    case notAName(String)
    case unknown(String, folder: String)
    case skipped(CalendarDay, TimeOfDay, zone: String)
    case repeated(CalendarDay, TimeOfDay, zone: String)

    package var description: String {
        switch self {
        case .notAName(let name):
            "\(name) is not the name of a time zone: a name such as America/Argentina/Buenos_Aires, or UTC, is expected, "
                + "not an abbreviation or an offset"
        case .unknown(let name, let folder):
            "the time zone \(name) is not in \(folder): check the name, or install the package tzdata"
        case .skipped(let day, let time, let zone):
            "\(time) does not exist on \(day) in \(zone): clocks are set forward over it"
        case .repeated(let day, let time, let zone):
            "\(time) exists twice on \(day) in \(zone): clocks are set back over it"
        }
    }
}
