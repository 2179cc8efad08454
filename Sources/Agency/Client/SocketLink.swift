import NIOCore
import Platform
import TLS
import WireProtocol

/// The real link: sockets on an event loop, whose events arrive in a mailbox.
///
/// Isolation: the main thread.
final class SocketLink: ServiceLink {
    var random: any RandomNumberGenerator = SystemRandomNumberGenerator()
    private let mailbox: Mailbox
    private let group: any EventLoopGroup
    /// Nil: connections are plain.
    private let tls: ClientTLS?
    private var connection: ServiceConnection?

    init(mailbox: Mailbox, group: any EventLoopGroup, tls: ClientTLS?) {
        self.mailbox = mailbox
        self.tls = tls
        self.group = group
    }

    var now: ContinuousClock.Instant { .now }

    /// Connects.
    func connect(to endpoint: Endpoint) throws {
        connection = try ServiceConnection(endpoint, mailbox: mailbox, group: group, tls: tls)
    }

    func send(_ message: Message) {
        connection?.send(message)
    }

    func close() {
        connection?.close()
        connection = nil
    }

    func waitForNextEvent(until deadline: ContinuousClock.Instant) -> ServiceEvent {
        switch mailbox.waitForNextEvent(until: deadline) {
        case .message(let message): .message(message)
        case .closed(let reason): .closed(reason: reason)
        case .stopped(let signal): .stopped(signal: signal)
        case .timeout: .timeout
        case .connected: preconditionFailure("connected a second time")
        }
    }

    func waitForStop(until deadline: ContinuousClock.Instant) -> String? {
        mailbox.waitForStop(until: deadline)
    }
}
