import Glibc
import Testing

@testable import Agency

struct DrawStatusLineTests {
    @Test("the status line is shown on a terminal only, and only while the program is in its foreground")
    func foreground() async {
        await #expect(processExitsWith: .success) {
            // Standard error is a pipe, then a terminal of this process's own session.
            var pipes: [Int32] = [0, 0]
            guard pipe(&pipes) == 0, dup2(pipes[1], STDERR_FILENO) == STDERR_FILENO else { exit(1) }
            guard !DrawStatusLine.isWatched else { exit(2) }
            var (terminal, line) = (Int32(0), Int32(0))
            guard openpty(&terminal, &line, nil, nil, nil) == 0, let name = ttyname(line), setsid() == getpid(),
                dup2(open(name, O_RDWR), STDERR_FILENO) == STDERR_FILENO
            else { exit(3) }
            guard DrawStatusLine.isWatched else { exit(4) }
            // Another process group takes the foreground; it runs until the pipe ends.
            var actions = posix_spawn_file_actions_t()
            var attributes = posix_spawnattr_t()
            posix_spawn_file_actions_init(&actions)
            posix_spawn_file_actions_adddup2(&actions, pipes[0], STDIN_FILENO)
            posix_spawn_file_actions_addclose(&actions, pipes[1])
            posix_spawnattr_init(&attributes)
            posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETPGROUP))
            var (group, arguments) = (pid_t(0), [strdup("cat"), nil])
            guard posix_spawn(&group, "/bin/cat", &actions, &attributes, &arguments, environ) == 0,
                tcsetpgrp(STDERR_FILENO, group) == 0
            else { exit(5) }
            guard !DrawStatusLine.isWatched else { exit(6) }
        }
    }
}
