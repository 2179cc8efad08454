import Platform
import WireProtocol

/// The environment of a session with a service: one connection at a time, its events, the clock, the stop signal and
/// random numbers.
///
/// It separates the agency's decisions from the network: tests replace the network with a scripted service.
protocol ServiceLink: AnyObject {
    var now: ContinuousClock.Instant { get }
    var random: any RandomNumberGenerator { get set }

    /// Connects; events of earlier connections are dropped.
    ///
    /// Blocks until connected, at most 15 s.
    ///
    /// - Throws: ``ConnectionFailure`` with the system's reason; ``Stopped``.
    func connect(to endpoint: Endpoint) throws

    /// Sends a message.
    ///
    /// Never blocks: the window bounds what is in flight.
    func send(_ message: Message)

    /// Closes the connection.
    ///
    /// Blocks until it is closed.
    func close()

    /// Waits for the connection's next event; a stop has priority.
    ///
    /// Blocks up to the deadline.
    func waitForNextEvent(until deadline: ContinuousClock.Instant) -> ServiceEvent

    /// Waits until the deadline or the stop signal, whose name it returns.
    func waitForStop(until deadline: ContinuousClock.Instant) -> String?
}

/// An event of a session with a service.
enum ServiceEvent: Sendable {
    case message(Message)
    case closed(reason: String)
    case stopped(signal: String)
    case timeout
}
