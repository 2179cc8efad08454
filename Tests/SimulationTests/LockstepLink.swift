import Platform
import TestKit
import WireProtocol

@testable import Agency

/// The link of an agency that runs on its own thread in lockstep with the simulation.
///
/// The agency runs from the reply to its request until its next request.
///
/// Isolation: the agency's thread calls the link, the simulation's thread the rest, never both at once. Sendable is
/// unchecked with this proof: everything is in `turn` or used only by the agency's thread.
final class LockstepLink: ServiceLink, @unchecked Sendable {
    /// A request for which the agency waits.
    enum Request {
        case connect(Endpoint)
        case event(until: ContinuousClock.Instant)
        case stop(until: ContinuousClock.Instant)
    }

    enum Reply {
        case connected
        case connectFailed
        case event(ServiceEvent)
        case stop(String?)
    }

    /// An action of the agency on its connection since its last request.
    enum Action {
        case send([UInt8])
        case close
    }

    private struct Turn {
        var now: ContinuousClock.Instant
        var request: Request?
        var reply: Reply?
        var actions: [Action] = []
        var outcome: Result<[String], any Error>?
    }

    /// The instant of the simulation's time 0.
    let start: ContinuousClock.Instant
    private let turn: Monitor<Turn>
    var random: any RandomNumberGenerator

    /// Makes a link.
    ///
    /// - Parameter elapsed: the simulation's current time.
    init(seed: UInt64, elapsed: Duration) {
        let start = ContinuousClock.now
        self.start = start
        turn = Monitor(Turn(now: start + elapsed))
        random = SeededGenerator(seed: seed)
    }

    // MARK: The agency's thread

    var now: ContinuousClock.Instant { turn.withLock { $0.now } }

    func connect(to endpoint: Endpoint) throws {
        switch ask(.connect(endpoint)) {
        case .connected: return
        case .stop(let signal?): throw Stopped(signal: signal)
        default: throw ConnectionFailure(reason: "Connection refused (errno 111)")
        }
    }

    func send(_ message: Message) {
        turn.withLock { $0.actions.append(.send(message.encoded)) }
    }

    func close() {
        turn.withLock { $0.actions.append(.close) }
    }

    func waitForNextEvent(until deadline: ContinuousClock.Instant) -> ServiceEvent {
        switch ask(.event(until: deadline)) {
        case .event(let event): event
        case .stop(let signal?): .stopped(signal: signal)
        default: .timeout
        }
    }

    func waitForStop(until deadline: ContinuousClock.Instant) -> String? {
        guard case .stop(let signal) = ask(.stop(until: deadline)) else { return nil }
        return signal
    }

    /// Ends the program with its winners or with an error.
    func end(_ outcome: sending Result<[String], any Error>) {
        turn.withLock { $0.outcome = outcome }
        turn.wakeAll()
    }

    private func ask(_ request: Request) -> Reply {
        turn.withLock { $0.request = request }
        turn.wakeAll()
        let reply = turn.wait { turn in
            defer { turn.reply = nil }
            return turn.reply
        }
        return reply ?? .stop("SIGKILL")
    }

    // MARK: The simulation's thread

    /// Runs the agency until its next request.
    ///
    /// - Returns: the request; nil if the agency has ended.
    func run(_ reply: Reply?, elapsed: Duration) -> Request? {
        turn.withLock { turn in
            turn.now = start + elapsed
            turn.reply = reply
            if reply != nil { turn.request = nil }
        }
        turn.wakeAll()
        let result: Request?? = turn.wait { turn in
            if turn.outcome != nil { return .some(nil) }
            return turn.request.map { .some($0) }
        }
        return result ?? nil
    }

    func takeActions() -> [Action] {
        turn.withLock { turn in
            defer { turn.actions = [] }
            return turn.actions
        }
    }

    var outcome: Result<[String], any Error>? { turn.withLock { $0.outcome } }
}
