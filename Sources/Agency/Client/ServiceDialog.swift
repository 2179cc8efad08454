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
    /// Where the stream stood when it was last said: a WELCOME that says more is an answer too.
    private var lastSequence: UInt32?

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
        noteAnswer()
        while true {
            do {
                return try attempt(work)
            } catch let stopped as Stopped {
                if let sequence = unacknowledged() { log(.betsUnknown(sequence: sequence)) }
                throw stopped
            } catch let failure as ConnectionFailure {
                guard lastAnswer.duration(to: .now) < deadline else {
                    if let sequence = unacknowledged() { log(.betsUnknown(sequence: sequence)) }
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
            return message
        case .connected:
            preconditionFailure("connected a second time")
        case .closed(let reason):
            throw ConnectionFailure(reason: reason)
        case .timeout:
            throw ConnectionFailure(reason: "no answer within \(silence)")
        case .stopped(let signal):
            throw Stopped(signal: signal)
        }
    }

    /// The service has answered what was asked: the deadline and the waits begin again.
    mutating func noteAnswer() {
        lastAnswer = .now
        retry.reset()
    }

    private mutating func attempt<Result>(
        _ work: (inout ServiceDialog, ServiceConnection, Welcome) throws -> Result
    ) throws -> Result {
        let connection = try ServiceConnection(endpoint, mailbox: mailbox, group: group)
        defer {
            connection.close()
            log(.closed("connection to \(endpoint)"))
        }
        connection.send(.hello(hello))
        guard case .welcome(let welcome) = try waitForNextMessage() else {
            throw ConnectionFailure(reason: "the service did not answer HELLO with WELCOME")
        }
        try check(welcome)
        if welcome.nextSequence != lastSequence { noteAnswer() }
        lastSequence = welcome.nextSequence
        return try work(&self, connection, welcome)
    }

    /// A service that is broken, or none of ours, ends an attempt and not the agency.
    private func check(_ welcome: Welcome) throws {
        let bets = welcome.storedBets.addingReportingOverflow(welcome.rejectedBets)
        guard !bets.overflow, bets.partialValue < 1 << 53, welcome.nextSequence < .max, welcome.window >= 1,
            welcome.maxFrameBytes >= Limits.minFrameBytes
        else {
            throw ConnectionFailure(reason: "the service's WELCOME cannot be true: \(welcome)")
        }
    }
}
