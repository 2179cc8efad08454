import Platform
import WireProtocol

/// The environment of a session with a service: one connection at a time, its events, the clock, the stop signal and
/// random numbers.
///
/// It separates the agency's decisions from the network: tests replace the network with a scripted service.
protocol ServiceLink: AnyObject {
    var now: ContinuousClock.Instant { get }
    var random: any RandomNumberGenerator { get set }

    /// Drops events of earlier connections; blocks until connected, at most 15 s.
    ///
    /// - Throws: ``ConnectionFailure`` with the system's reason; ``Stopped``.
    func connect(to endpoint: Endpoint) throws

    /// Never blocks: the window bounds what is in flight.
    func send(_ message: Message)

    /// Blocks until it is closed.
    func close()

    /// Blocks up to the deadline; a stop has priority.
    func waitForNextEvent(until deadline: ContinuousClock.Instant) -> ServiceEvent

    /// Waits until the deadline or the stop signal, whose name it returns.
    func waitForStop(until deadline: ContinuousClock.Instant) -> String?
}

/// An event of a session.
enum ServiceEvent: Sendable {
    case message(Message)
    case closed(reason: String)
    case stopped(signal: String)
    case timeout
}
