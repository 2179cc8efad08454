private import CLinux
private import Glibc

/// A line that shows the progress of long work.
///
/// Only on a terminal and in the foreground, after half a second, at most ten times a second.
///
/// Isolation: one thread.
package final class ProgressBar {
    private let label: String
    private let unit: String
    private let isShown: Bool
    private let creation = ContinuousClock.now
    /// The progress at which this run began, for its rate.
    private var start: (done: Int, count: Int, time: ContinuousClock.Instant)
    private var lastShown: ContinuousClock.Instant?

    /// - Parameter unit: the unit of the count in ``update(_:of:count:)``, for example `bets`.
    package init(label: String, unit: String) {
        self.label = label
        self.unit = unit
        isShown = Self.isTerminal
        start = (0, 0, creation)
    }

    /// Whether standard error is a terminal.
    package static var isTerminal: Bool { isatty(STDERR_FILENO) == 1 }

    /// Sets the progress of earlier runs; rate and time left are computed from there.
    package func resume(at done: Int, count: Int? = nil) {
        start = (done, count ?? done, .now)
    }

    /// Shows `done` of `all` as a bar, with the rate of `count` (or of `done`), the time left, and a note.
    package func update(_ done: Int, of all: Int, count: Int? = nil, note: @autoclosure () -> String? = nil) {
        guard isShown else { return }
        let now = ContinuousClock.now
        guard creation.duration(to: now) >= .milliseconds(500) else { return }
        if let lastShown, lastShown.duration(to: now) < .milliseconds(100) { return }
        guard tcgetpgrp(STDERR_FILENO) == getpgrp() else { return }
        lastShown = now
        let columns = Int(clinux_terminal_columns(STDERR_FILENO))
        let line = Self.line(
            label: label, unit: unit,
            Progress(
                done: done, all: all, count: count ?? done, startDone: start.done, startCount: start.count,
                elapsed: start.time.duration(to: now), note: note()),
            columns: columns > 0 ? columns : 80)
        write("\r\u{1B}[K" + line + "\r")  // the next log line begins in the first column
    }

    /// Clears the line.
    package func finish() {
        guard isShown, lastShown != nil, tcgetpgrp(STDERR_FILENO) == getpgrp() else { return }
        write("\u{1B}[K")
    }

    struct Progress {
        var done: Int
        var all: Int
        var count: Int
        var startDone = 0
        var startCount = 0
        var elapsed: Duration
        var note: String?
    }

    /// Formats as many parts as fit, for example `export [#########...........]  45%  1.2M bets  0.8M bets/s  3 s
    /// left`.
    static func line(label: String, unit: String, _ progress: Progress, columns: Int) -> String {
        let fraction = progress.all > 0 ? min(1, Double(progress.done) / Double(progress.all)) : 0
        let seconds = max(progress.elapsed / .seconds(1), 0.001)
        let percent = String(Int(fraction * 100))
        let padded = String(repeating: " ", count: 3 - percent.count) + percent + "%"
        let rate = Double(max(0, progress.count - progress.startCount)) / seconds
        var parts = [
            " " + padded, "  \(short(Double(progress.count))) \(unit)", "  \(short(rate)) \(unit)/s",
        ]
        let doneNow = Double(progress.done - progress.startDone)
        if doneNow > 0 {
            let left = Double(progress.all - progress.done) / doneNow * seconds
            parts.append("  \(Int(max(0, min(left, 1e9)))) s left")
        }
        if let note = progress.note { parts.append("  \(note.escaped(.text))") }
        let label = label.escaped(.text)
        // The last column stays free: a character there would wrap to the next line.
        var room = columns - 1 - label.count
        var text = ""
        for part in parts {
            guard part.count <= room else { break }
            text += part
            room -= part.count
        }
        let width = min(24, room - 3)
        guard width >= 4 else { return String((label + text).prefix(max(0, columns - 1))) }
        let filled = Int(fraction * Double(width))
        let bar = String(repeating: "#", count: filled) + String(repeating: ".", count: width - filled)
        return "\(label) [\(bar)]\(text)"
    }

    /// For example 950, 12.3k, 4.5M.
    private static func short(_ value: Double) -> String {
        for (limit, divisor, suffix) in [(1e3, 1.0, ""), (1e6, 1e3, "k"), (1e9, 1e6, "M")]
        where value < limit {
            let tenths = Int(value / divisor * 10)
            return divisor == 1 ? "\(Int(value))" : "\(tenths / 10).\(tenths % 10)\(suffix)"
        }
        let tenths = Int(value / 1e8)
        return "\(tenths / 10).\(tenths % 10)G"
    }

    private func write(_ text: String) {
        let bytes = Array(text.utf8)
        _ = Glibc.write(STDERR_FILENO, bytes, bytes.count)
    }
}
