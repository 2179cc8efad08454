private import Glibc

/// A line that shows how far long work has come: on a terminal only, at most ten times a second.
///
/// Isolation: one thread.
package final class ProgressBar {
    private let label: String
    private let unit: String
    private let isShown: Bool
    private let start = ContinuousClock.now
    private var lastShown: ContinuousClock.Instant?

    /// - Parameter unit: what is counted in ``update(_:of:count:)``, for example `bets`.
    package init(label: String, unit: String) {
        self.label = label
        self.unit = unit
        isShown = Self.isTerminal
    }

    /// Whether standard error is a terminal.
    package static var isTerminal: Bool { isatty(STDERR_FILENO) == 1 }

    /// Shows `done` of `all` as a bar, with the rate of `count` (or of `done`) and the time left.
    package func update(_ done: Int, of all: Int, count: Int? = nil) {
        guard isShown else { return }
        let now = ContinuousClock.now
        if let lastShown, lastShown.duration(to: now) < .milliseconds(100) { return }
        lastShown = now
        let line = Self.line(
            label: label, unit: unit, done: done, of: all, count: count ?? done,
            elapsed: start.duration(to: now))
        write("\r\u{1B}[K" + line + "\r")  // a log line that comes now begins at the left
    }

    /// Clears the line.
    package func finish() {
        guard isShown, lastShown != nil else { return }
        write("\u{1B}[K")
    }

    /// The line's text, for example `export [#########...........]  45%  1.2M bets  0.8M bets/s  3 s left`.
    static func line(
        label: String, unit: String, done: Int, of all: Int, count: Int, elapsed: Duration
    ) -> String {
        let fraction = all > 0 ? min(1, Double(done) / Double(all)) : 0
        let filled = Int(fraction * 24)
        let bar =
            String(repeating: "#", count: filled) + String(repeating: ".", count: 24 - filled)
        let seconds = max(elapsed / .seconds(1), 0.001)
        let left = fraction > 0 ? "\(Int(seconds / fraction * (1 - fraction))) s left" : ""
        let percent = String(Int(fraction * 100))
        return "\(label) [\(bar)] \(String(repeating: " ", count: 3 - percent.count))\(percent)%  "
            + "\(short(Double(count))) \(unit)  \(short(Double(count) / seconds)) \(unit)/s  \(left)"
    }

    /// A number in at most five characters: 950, 12.3k, 4.5M.
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
