private import Glibc

/// What a program does before anything else: whatever its caller left closed or unset must not reach a ledger.
package enum ProcessStart {
    /// Opens /dev/null on standard descriptors that are closed, and ignores signals that would end the program.
    ///
    /// Without the first, the next file that is opened gets number 0, 1 or 2, and messages are written into it. The
    /// second: a closed pipe (SIGPIPE) and a size limit (SIGXFSZ) become errors of the call; SIGUSR1, SIGUSR2 and
    /// SIGALRM mean nothing here.
    package static func prepare() {
        var fd: Int32
        // For reading: a result that is written to a closed standard output is an error, as on any full disk.
        repeat { fd = open("/dev/null", O_RDONLY) } while (0...STDOUT_FILENO).contains(fd)
        if fd == STDERR_FILENO {
            close(fd)
            fd = open("/dev/null", O_RDWR)
        }
        if fd > STDERR_FILENO { close(fd) }
        for number in [SIGPIPE, SIGXFSZ, SIGUSR1, SIGUSR2, SIGALRM] { signal(number, SIG_IGN) }
    }

    /// The arguments without the program's name.
    ///
    /// A preloaded library that changes the environment before `main` makes Swift's own list empty on Linux
    /// (swiftlang/swift #76080); the kernel still has it.
    ///
    /// - Parameter known: with the program's name; empty if they were lost.
    package static func arguments(known: [String] = CommandLine.arguments) -> [String] {
        Array((known.isEmpty ? kernelArguments : known).dropFirst())
    }

    private static var kernelArguments: [String] {
        let fd = open("/proc/self/cmdline", O_RDONLY | O_CLOEXEC)
        guard fd >= 0 else { return [] }
        defer { close(fd) }
        let bytes = SystemCall.readAll(from: fd) ?? []
        return bytes.split(separator: 0, omittingEmptySubsequences: false).dropLast()
            .map { String(decoding: $0, as: UTF8.self) }
    }
}
