import Glibc
import TestKit
import Testing

@testable import Shell

struct ProgressBarTests {
    @Test("a progress bar is shown in the foreground of a terminal, and in the background neither changed nor cleared")
    func foreground() async {
        await #expect(processExitsWith: .success) {
            guard let terminal = TestTerminal() else { exit(1) }
            let bar = ProgressBar(label: "check", unit: "bets")
            /// Whether updates show anything before the deadline.
            func isShown(before deadline: ContinuousClock.Instant) -> Bool {
                while ContinuousClock.now < deadline {
                    bar.update(1, of: 2)
                    if terminal.takeOutput(milliseconds: 10) { return true }
                }
                return false
            }
            guard isShown(before: .now + .seconds(30)) else { exit(2) }
            guard terminal.moveToBackground() else { exit(3) }
            // In the foreground it changes ten times a second.
            guard !isShown(before: .now + .milliseconds(200)) else { exit(4) }
            bar.finish()
            guard !terminal.takeOutput(milliseconds: 0) else { exit(5) }
        }
    }
}
