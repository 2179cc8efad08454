private import CLinux

/// The version of the program, and the earliest day on which it existed.
package enum ProgramVersion {
    /// From `git describe` at build; `unknown` without git.
    package static let text: String = String(cString: clinux_build_version())

    /// The first day of this program: a clock that shows an earlier day is wrong.
    static let earliestDay = "2026-01-01"
    private static let earliestMilliseconds: UInt64 = 1_767_225_600_000

    /// Checks that the machine's clock is plausible.
    ///
    /// - Parameter now: milliseconds since 1970.
    /// - Throws: ``ClockError``.
    package static func checkClock(_ now: UInt64 = SystemCall.unixMilliseconds()) throws(ClockError) {
        guard now < earliestMilliseconds else { return }
        throw ClockError(now: now)
    }
}

/// The error that the machine's clock shows a time before the program existed.
///
/// The checks of birthdates and the ledger's times would be wrong.
package struct ClockError: Error, Equatable, Sendable, CustomStringConvertible {
    /// Milliseconds since 1970.
    let now: UInt64

    package var description: String {
        "the clock of this machine says \(SystemCall.day(now)), before this program was made "
            + "(\(ProgramVersion.earliestDay)): set the clock, then start again"
    }
}
