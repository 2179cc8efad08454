import Glibc
import TestKit
import Testing

@testable import Agency

struct DrawStatusLineTests {
    @Test("the status line is shown on a terminal only, and only while the program is in its foreground")
    func foreground() async {
        await #expect(processExitsWith: .success) {
            var pipes: [Int32] = [0, 0]
            guard pipe(&pipes) == 0, dup2(pipes[1], STDERR_FILENO) == STDERR_FILENO else { exit(1) }
            guard !DrawStatusLine.isWatched else { exit(2) }
            guard let terminal = TestTerminal() else { exit(3) }
            guard DrawStatusLine.isWatched else { exit(4) }
            guard terminal.moveToBackground() else { exit(5) }
            guard !DrawStatusLine.isWatched else { exit(6) }
        }
    }
}
