import Glibc
import Shell
import WireProtocol

/// A status line on a terminal: `waiting for the draw: 3 of 5 agencies have finished`.
///
/// Isolation: one thread.
final class DrawStatusLine {
    private var isShown = false

    /// Whether standard error is a terminal with this program in its foreground.
    static var isWatched: Bool { ProgressBar.isTerminal && tcgetpgrp(STDERR_FILENO) == getpgrp() }

    static func text(_ answer: NotDrawnYet) -> String {
        "waiting for the draw: \(answer.finishedAgencies) of \(answer.expectedAgencies) agencies have finished"
    }

    func show(_ answer: NotDrawnYet) {
        isShown = true
        write("\r\u{1B}[K" + Self.text(answer) + "\r")  // so a following log line begins at the left
    }

    func finish() {
        guard isShown else { return }
        write("\u{1B}[K")
    }

    private func write(_ text: String) {
        let bytes = Array(text.utf8)
        _ = Glibc.write(STDERR_FILENO, bytes, bytes.count)
    }
}
