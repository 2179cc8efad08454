import Domain
import Identity
import Shell

/// The parts of the service that its connections use.
struct IngestDesk: Sendable {
    let draws: OpenDraws
    let gate: AgencyGate
    let queue: ConnectionQueue
    let limits: WelcomeLimits
    /// Milliseconds since 1970.
    let clock: @Sendable () -> UInt64
    let log: EventLog

    /// Birthdates after it are in the future.
    var today: Birthdate { Birthdate(unixMilliseconds: clock()) }
}
