import Domain
import Platform
import Shell
import WireProtocol

/// Keeps a session with one service: connects, sends HELLO, and reconnects with back-off until the work is done, a
/// deadline passes without an answer, or the agency is stopped.
///
/// Isolation: the main thread; waits block.
struct ServiceDialog {
    let endpoint: Endpoint
    let hello: Hello
    let link: any ServiceLink
    let deadline: Duration
    let rerun: AgencyError.Rerun
    let log: EventLog
    private var retry: RetryPolicy
    private var lastAnswer: ContinuousClock.Instant
    /// The stream's next sequence in the last WELCOME: one that says more is an answer too.
    private var lastSequence: UInt32?

    /// Creates a session that is not connected.
    ///
    /// - Parameter rerun: what to say of the same command when the deadline passes.
    init(
        endpoint: Endpoint, configuration: ServiceConfiguration, link: any ServiceLink, rerun: AgencyError.Rerun,
        log: EventLog
    ) {
        self.endpoint = endpoint
        hello = Hello(agency: configuration.agency, draw: configuration.draw.name)
        self.link = link
        deadline = configuration.retry.deadline
        self.rerun = rerun
        self.log = log
        retry = RetryPolicy(
            initial: configuration.retry.initial, max: configuration.retry.max)
        lastAnswer = link.now
    }

    var agency: AgencyID { hello.agency }

    /// Runs `work` on a welcomed connection, again and again while it throws ``ConnectionFailure``.
    ///
    /// Gives up once an attempt has failed that began after the deadline: a machine that slept through it tries once
    /// more.
    ///
    /// - Parameter unacknowledged: the first sequence without an answer, for what is said at the end.
    /// - Throws: ``AgencyError``; ``Stopped``; what `work` throws.
    mutating func run<Result>(
        unacknowledged: () -> UInt32? = { nil },
        _ work: (inout ServiceDialog, Welcome) throws -> Result
    ) throws -> Result {
        noteAnswer()
        do {
            return try retrying(unacknowledged, work)
        } catch {
            switch error {
            case is Stopped, AgencyError.deadline:
                if let sequence = unacknowledged() { log(.betsUnknown(sequence: sequence)) }
            default:
                break
            }
            throw error
        }
    }

    private mutating func retrying<Result>(
        _ unacknowledged: () -> UInt32?, _ work: (inout ServiceDialog, Welcome) throws -> Result
    ) throws -> Result {
        while true {
            let start = link.now
            do {
                return try attempt(work)
            } catch let failure as ConnectionFailure {
                guard lastAnswer.duration(to: start) < deadline else {
                    throw AgencyError.deadline(
                        deadline, lastFailure: failure.reason, unacknowledged: unacknowledged(), rerun)
                }
                let delay = retry.nextDelay(using: &link.random)
                log(
                    .connectionFailed(
                        address: "\(endpoint)", reason: failure.reason,
                        retryMilliseconds: Int(delay / .milliseconds(1))))
                if let signal = link.waitForStop(until: link.now + delay) {
                    throw Stopped(signal: signal)
                }
            }
        }
    }

    /// A connection that is silent for this long is closed and made again: the machine at its other end may be off.
    static let maxSilence = Duration.seconds(30)

    /// The next message of the service.
    ///
    /// Blocks up to `limit`, or 30 s.
    ///
    /// - Throws: ``ConnectionFailure`` if trying again helps, ``AgencyError`` if it does not, ``Stopped``.
    mutating func waitForNextMessage(upTo limit: Duration? = nil) throws -> Message {
        let silence = min(limit ?? Self.maxSilence, deadline)
        switch link.waitForNextEvent(until: link.now + silence) {
        case .message(.error(let code, let text)):
            if code.isTransient { throw ConnectionFailure(reason: text) }
            if code == .superseded { throw AgencyError.superseded(agency) }
            throw AgencyError.rejected(code, text)
        case .message(let message):
            return message
        case .closed(let reason):
            throw ConnectionFailure(reason: reason)
        case .timeout:
            throw ConnectionFailure(reason: "no answer within \(silence)")
        case .stopped(let signal):
            throw Stopped(signal: signal)
        }
    }

    /// Restarts the deadline and the back-off: the service has answered what was asked.
    mutating func noteAnswer() {
        lastAnswer = link.now
        retry.reset()
    }

    private mutating func attempt<Result>(
        _ work: (inout ServiceDialog, Welcome) throws -> Result
    ) throws -> Result {
        try link.connect(to: endpoint)
        defer {
            link.close()
            log(.closed("connection to \(endpoint)"))
        }
        link.send(.hello(hello))
        guard case .welcome(let welcome) = try waitForNextMessage() else {
            throw ConnectionFailure(reason: "the service did not answer HELLO with WELCOME")
        }
        try check(welcome)
        if welcome.nextSequence != lastSequence { noteAnswer() }
        lastSequence = welcome.nextSequence
        return try work(&self, welcome)
    }

    /// Checks that a WELCOME can be true.
    ///
    /// A broken service, or a program of another kind, ends an attempt and not the agency.
    private func check(_ welcome: Welcome) throws {
        let bets = welcome.storedBets.addingReportingOverflow(welcome.rejectedBets)
        guard !bets.overflow, bets.partialValue < 1 << 53, welcome.nextSequence < .max, welcome.window >= 1,
            welcome.maxFrameBytes >= Limits.minFrameBytes
        else {
            throw ConnectionFailure(reason: "the service's WELCOME cannot be true: \(welcome)")
        }
    }
}
