import Platform
import TestKit
import WireProtocol

@testable import Agency

/// The link of an agency that runs on a thread of its own and only while the simulation lets it: from the answer to what it
/// waited for until it waits again.
///
/// Isolation: the agency's thread calls the link, the simulation's thread the rest, and never both at once. Sendable is
/// unchecked with this proof: everything is in `turn` or touched by the agency's thread only.
final class LockstepLink: ServiceLink, @unchecked Sendable {
    /// What the agency waits for.
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

    /// What the agency did on its connection since it waited last.
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

    /// The simulation's time 0.
    let start: ContinuousClock.Instant
    private let turn: Monitor<Turn>
    var random: any RandomNumberGenerator

    /// - Parameter elapsed: the simulation's time now.
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

    /// The program's end: its winners, or what ended it.
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

    /// Lets the agency run until it waits again.
    ///
    /// - Returns: what it waits for; nil if it has ended.
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
