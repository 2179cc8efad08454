private import Glibc

/// The local time of a log line.
struct LogTime {
    private let seconds: Int
    private let microseconds: Int

    init(seconds: Int, microseconds: Int) {
        self.seconds = seconds
        self.microseconds = microseconds
    }

    static var now: LogTime {
        var now = timespec()
        clock_gettime(CLOCK_REALTIME, &now)
        return LogTime(seconds: Int(now.tv_sec), microseconds: Int(now.tv_nsec) / 1000)
    }

    /// For people, with the zone: `2026-11-20 22:11:15-03:00`.
    var text: String { formatted("%Y-%m-%d %H:%M:%S") + zone }

    /// RFC 3339 with microseconds: `2026-11-20T22:11:15.123456-03:00`.
    var rfc3339: String {
        let fraction = String(microseconds)
        return formatted("%Y-%m-%dT%H:%M:%S") + "." + String(repeating: "0", count: 6 - fraction.count) + fraction
            + zone
    }

    private var zone: String {
        let minutes = abs(local.tm_gmtoff) / 60
        return (local.tm_gmtoff < 0 ? "-" : "+") + Self.two(minutes / 60) + ":" + Self.two(minutes % 60)
    }

    private static func two(_ value: Int) -> String {
        value < 10 ? "0\(value)" : "\(value)"
    }

    private var local: tm {
        var time = time_t(seconds)
        var parts = tm()
        localtime_r(&time, &parts)
        return parts
    }

    private func formatted(_ pattern: String) -> String {
        var parts = local
        var buffer = [CChar](repeating: 0, count: 64)
        let count = strftime(&buffer, buffer.count, pattern, &parts)
        return String(decoding: buffer[..<count].map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}
