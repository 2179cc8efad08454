import Glibc

/// A terminal as standard error of this process, in a session of its own.
///
/// For exit tests only: the process does not return to its previous session and standard error.
package struct TestTerminal {
    /// The other end of the terminal, which receives what is written to it.
    private let screen: Int32

    /// Returns nil if the system has no terminal to give.
    package init?() {
        var (screen, line) = (Int32(0), Int32(0))
        // The first terminal that the leader of a session opens is that of the session.
        guard openpty(&screen, &line, nil, nil, nil) == 0, let name = ttyname(line), setsid() == getpid(),
            dup2(open(name, O_RDWR), STDERR_FILENO) == STDERR_FILENO
        else { return nil }
        self.screen = screen
    }

    /// Puts another process group into the foreground; it lives as long as this process.
    ///
    /// - Returns: whether that succeeded.
    package func moveToBackground() -> Bool {
        var input: [Int32] = [0, 0]
        guard pipe(&input) == 0 else { return false }
        var actions = posix_spawn_file_actions_t()
        var attributes = posix_spawnattr_t()
        posix_spawn_file_actions_init(&actions)
        posix_spawn_file_actions_adddup2(&actions, input[0], STDIN_FILENO)
        posix_spawn_file_actions_addclose(&actions, input[1])
        posix_spawnattr_init(&attributes)
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETPGROUP))
        var (group, arguments) = (pid_t(0), [strdup("cat"), nil])
        return posix_spawn(&group, "/bin/cat", &actions, &attributes, &arguments, environ) == 0
            && tcsetpgrp(STDERR_FILENO, group) == 0
    }

    /// Waits for output and discards it.
    ///
    /// - Returns: whether there was any.
    package func takeOutput(milliseconds: Int32) -> Bool {
        var descriptor = pollfd(fd: screen, events: Int16(POLLIN), revents: 0)
        guard poll(&descriptor, 1, milliseconds) == 1 else { return false }
        var bytes = [UInt8](repeating: 0, count: 4096)
        return read(screen, &bytes, bytes.count) > 0
    }
}
