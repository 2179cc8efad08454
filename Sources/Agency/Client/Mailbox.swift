import DequeModule
import NIOCore
import Platform
import WireProtocol

/// The queue of events for the agency's main thread: messages and ends of its connections, and the stop signal.
///
/// Isolation: event loops and the signal thread post; the main thread waits.
final class Mailbox: Sendable {
    enum Event: Sendable {
        case connected(any Channel)
        case message(Message)
        case closed(String)
        case stopped(String)
        case timeout
    }

    private struct State {
        var connection = 0
        var channel: (any Channel)?
        var messages: Deque<Message> = []
        var closed: String?
        var stopSignal: String?
    }

    /// The largest number of unread messages; more end the connection, because answers are bounded by requests.
    static let maxMessages = 4096

    private let monitor = Monitor(State())

    /// Starts a new connection, dropping later events of older ones, and returns its number.
    func beginConnection() -> Int {
        monitor.withLock { state in
            state.connection += 1
            state.channel = nil
            state.messages.removeAll()
            state.closed = nil
            return state.connection
        }
    }

    /// Posts a connection, or closes it if it was abandoned meanwhile.
    func postConnected(_ channel: any Channel, from connection: Int) {
        let isWanted = monitor.withLock { state in
            guard state.connection == connection else { return false }
            state.channel = channel
            return true
        }
        if !isWanted { channel.close(promise: nil) }
        monitor.wakeAll()
    }

    /// - Returns: false if too many messages are unread; the caller must close the connection.
    func post(_ message: Message, from connection: Int) -> Bool {
        let hasRoom = monitor.withLock { state in
            guard state.connection == connection else { return true }
            guard state.messages.count < Self.maxMessages else { return false }
            state.messages.append(message)
            return true
        }
        monitor.wakeAll()
        return hasRoom
    }

    func postClosed(_ reason: String, from connection: Int) {
        post { if $0.connection == connection, $0.closed == nil { $0.closed = reason } }
    }

    func postStop(_ signal: String) {
        post { $0.stopSignal = signal }
    }

    /// Waits for the next event: a stop, then the connection, its messages, its end.
    func waitForNextEvent(until deadline: ContinuousClock.Instant) -> Event {
        let event = monitor.wait(until: deadline) { state -> Event? in
            if let signal = state.stopSignal { return .stopped(signal) }
            if let channel = state.channel {
                state.channel = nil
                return .connected(channel)
            }
            if let message = state.messages.popFirst() { return .message(message) }
            return state.closed.map { .closed($0) }
        }
        return event ?? .timeout
    }

    /// Returns the stop signal, if it arrives before the deadline.
    func waitForStop(until deadline: ContinuousClock.Instant) -> String? {
        monitor.wait(until: deadline) { $0.stopSignal }
    }

    private func post(_ change: (inout State) -> Void) {
        monitor.withLock(change)
        monitor.wakeAll()
    }
}
