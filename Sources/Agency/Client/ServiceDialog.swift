import NIOCore
import Shared

/// Talks to one service for as long as it takes: connects, introduces the agency, and when the connection fails waits and
/// connects again, until the work is done, a deadline passes without an answer, or the agency is stopped.
///
/// Isolation: the main thread; waits block.
struct ServiceDialog {
    let endpoint: Endpoint
    let hello: Hello
    let mailbox: Mailbox
    let group: any EventLoopGroup
    let deadline: Duration
    let log: EventLog
    private var retry: RetryPolicy
    private var dice = SystemRandomNumberGenerator()
    private var lastAnswer = ContinuousClock.now

    init(
        endpoint: Endpoint, agency: AgencyID, configuration: ServiceConfiguration,
        mailbox: Mailbox, group: any EventLoopGroup, log: EventLog
    ) {
        self.endpoint = endpoint
        hello = Hello(agency: agency, draw: configuration.draw.name)
        self.mailbox = mailbox
        self.group = group
        deadline = configuration.retry.deadline
        self.log = log
        retry = RetryPolicy(
            initial: configuration.retry.initial, max: configuration.retry.max)
    }

    /// Runs `work` on a welcomed connection, again and again while it throws ``ConnectionFailure``.
    ///
    /// - Parameter unacknowledged: asked when the deadline has passed.
    mutating func run<Result>(
        unacknowledged: () -> UInt32? = { nil },
        _ work: (inout ServiceDialog, ServiceConnection, Welcome) throws -> Result
    ) throws -> Result {
        lastAnswer = .now
        while true {
            do {
                return try attempt(work)
            } catch let failure as ConnectionFailure {
                guard lastAnswer.duration(to: .now) < deadline else {
                    throw AgencyError.deadline(
                        deadline, lastFailure: failure.reason, unacknowledged: unacknowledged())
                }
                let delay = retry.nextDelay(using: &dice)
                log(
                    .connectionFailed(
                        address: "\(endpoint)", reason: failure.reason,
                        retryMilliseconds: Int(delay / .milliseconds(1))))
                if let signal = mailbox.waitForStop(until: .now + delay) {
                    throw Stopped(signal: signal)
                }
            }
        }
    }

    /// A connection that is silent for so long is given up and made again: the machine at its other end may be gone.
    private static let maxSilence = Duration.seconds(30)

    /// The next message of the service.
    ///
    /// Blocks up to `limit`, or 30 s.
    ///
    /// - Throws: ``ConnectionFailure`` where trying again helps, ``AgencyError`` where it does not, ``Stopped``.
    mutating func waitForNextMessage(upTo limit: Duration? = nil) throws -> Message {
        let silence = min(limit ?? Self.maxSilence, deadline)
        switch mailbox.waitForNextEvent(until: .now + silence) {
        case .message(.error(let code, let text)):
            if code.isTransient { throw ConnectionFailure(reason: text) }
            throw AgencyError.refused(code, text)
        case .message(let message):
            lastAnswer = .now
            retry.reset()
            return message
        case .closed(let reason):
            throw ConnectionFailure(reason: reason)
        case .timeout:
            throw ConnectionFailure(reason: "no answer within \(silence)")
        case .stopped(let signal):
            throw Stopped(signal: signal)
        }
    }

    private mutating func attempt<Result>(
        _ work: (inout ServiceDialog, ServiceConnection, Welcome) throws -> Result
    ) throws -> Result {
        let connection: ServiceConnection
        do {
            connection = try ServiceConnection(endpoint, mailbox: mailbox, group: group)
        } catch {
            throw ConnectionFailure(reason: connectionErrorText(error))
        }
        defer {
            connection.close()
            log(.closed("connection to \(endpoint)"))
        }
        connection.send(.hello(hello))
        guard case .welcome(let welcome) = try waitForNextMessage() else {
            throw ConnectionFailure(reason: "the service did not answer HELLO with WELCOME")
        }
        return try work(&self, connection, welcome)
    }
}

/// What a failed connect says, without NIO's wrapping.
private func connectionErrorText(_ error: any Error) -> String {
    switch error {
    case let error as IOError: SystemCall.errorText(error.errnoCode)
    default: "\(error)"
    }
}
