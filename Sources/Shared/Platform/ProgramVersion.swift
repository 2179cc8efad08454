private import CLinux

/// What was built, and when at the earliest.
package enum ProgramVersion {
    /// From `git describe` at build; `unknown` without git.
    package static let text: String = String(cString: clinux_build_version())

    /// This program did not exist before: a clock that says an earlier day is wrong.
    static let earliestDay = "2026-01-01"
    private static let earliestMilliseconds: UInt64 = 1_767_225_600_000

    /// Checks that the machine's clock can be right.
    ///
    /// - Parameter now: milliseconds since 1970.
    /// - Throws: ``ClockError``.
    package static func checkClock(_ now: UInt64 = SystemCall.unixMilliseconds()) throws(ClockError) {
        guard now < earliestMilliseconds else { return }
        throw ClockError(now: now)
    }
}

/// The machine's clock says a time before the program was made: birthdates and the ledger's times would be wrong.
package struct ClockError: Error, Equatable, Sendable, CustomStringConvertible {
    /// Milliseconds since 1970.
    let now: UInt64

    package var description: String {
        "the clock of this machine says \(SystemCall.day(now)), before this program was made "
            + "(\(ProgramVersion.earliestDay)): set the clock, then start again"
    }
}
