private import Glibc

/// The first steps of a program, so that nothing its caller left closed or unset affects a ledger.
package enum ProcessStart {
    /// Opens /dev/null on standard descriptors that are closed, and ignores signals that would end the program.
    ///
    /// Without /dev/null, the next file that is opened would get number 0, 1 or 2, and messages would be written into it.
    /// With SIGPIPE and SIGXFSZ ignored, a closed pipe and a size limit become errors of the call. SIGUSR1, SIGUSR2 and
    /// SIGALRM have no meaning here.
    package static func prepare() {
        var fd: Int32
        // Read-only: writing a result to a closed standard output is then an error, as on a full disk.
        repeat { fd = open("/dev/null", O_RDONLY) } while (0...STDOUT_FILENO).contains(fd)
        if fd == STDERR_FILENO {
            close(fd)
            fd = open("/dev/null", O_RDWR)
        }
        if fd > STDERR_FILENO { close(fd) }
        for number in [SIGPIPE, SIGXFSZ, SIGUSR1, SIGUSR2, SIGALRM] { signal(number, SIG_IGN) }
    }

    /// Returns the arguments without the program's name.
    ///
    /// A preloaded library that changes the environment before `main` makes Swift's own list empty on Linux
    /// (swiftlang/swift #76080); the kernel still has the arguments.
    ///
    /// - Parameter known: the arguments with the program's name; empty if they were lost.
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
