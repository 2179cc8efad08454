import Platform
import WireProtocol

/// What a session with a service needs of the world: one connection at a time, its events, the clock, the stop signal and
/// random numbers.
///
/// The seam between what an agency decides and the network: tests put a scripted service behind it.
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

    /// The connection's next event; a stop comes first.
    ///
    /// Blocks up to the deadline.
    func waitForNextEvent(until deadline: ContinuousClock.Instant) -> ServiceEvent

    /// Waits until a moment, or for the stop signal, whose name it returns.
    func waitForStop(until deadline: ContinuousClock.Instant) -> String?
}

/// What happens on a connection to a service.
enum ServiceEvent: Sendable {
    case message(Message)
    case closed(reason: String)
    case stopped(signal: String)
    case timeout
}
