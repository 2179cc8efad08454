import Domain
import Platform
import Shell
import WireProtocol

/// The time until a draw's cut-off by the server's clock.
struct DrawCountdown: Equatable {
    let draw: String
    let cutOff: Instant
    /// The time that was left at `from`, a moment of this machine's monotonic clock.
    let left: Duration
    let from: ContinuousClock.Instant

    /// For example `closes in 95 s`.
    func text(at now: ContinuousClock.Instant) -> String {
        let left = left - from.duration(to: now)
        return left > .zero ? "closes in \(Int(left / .seconds(1))) s" : "closed"
    }
}

/// Keeps a session with one service: connects, sends HELLO, and reconnects with back-off until the work is done, a
/// deadline passes without an answer, or the agency is stopped.
///
/// Isolation: the main thread; waits block.
struct ServiceDialog {
    /// The addresses of the service: of its nodes, or of services over one folder.
    let endpoints: [Endpoint]
    /// Of the current address; the next one follows a failure.
    private var index = 0
    /// After the first WELCOME it names the draw, so that a reconnection never continues in another one.
    private(set) var hello: Hello
    /// The draw and its cut-off, as the last WELCOME says.
    private(set) var deadlineOfDraw: DrawCountdown?
    let link: any ServiceLink
    let deadline: Duration
    let rerun: AgencyError.Rerun
    let log: EventLog
    private var retry: RetryPolicy
    private var lastAnswer: ContinuousClock.Instant
    /// The next sequence of the last WELCOME; a WELCOME with another one counts as an answer.
    private var lastSequence: UInt32?

    /// Creates an unconnected session.
    ///
    /// - Parameters:
    ///   - endpoints: at least one.
    ///   - draw: nil for the draw of the configuration, or, if it names none, for the one that the service chooses.
    ///   - rerun: the effect of running the same command again, reported when the deadline passes.
    init(
        endpoints: [Endpoint], configuration: ServiceConfiguration, draw: String? = nil, link: any ServiceLink,
        rerun: AgencyError.Rerun, log: EventLog
    ) {
        self.endpoints = endpoints
        hello = Hello(
            agency: configuration.agency, draw: draw ?? (configuration.isDrawChosen ? configuration.draw.name : ""),
            token: configuration.agencyToken)
        self.link = link
        deadline = configuration.retry.deadline
        self.rerun = rerun
        self.log = log
        retry = RetryPolicy(
            initial: configuration.retry.initial, max: configuration.retry.max)
        lastAnswer = link.now
    }

    var agency: AgencyID { hello.agency }

    /// The current address.
    var endpoint: Endpoint { endpoints[index] }

    /// Runs `work` on a connection after WELCOME, and again as long as it throws ``ConnectionFailure``.
    ///
    /// Gives up when an attempt that began after the deadline has failed: a machine that slept through the deadline tries
    /// once more.
    ///
    /// - Parameter unacknowledged: the first sequence without an answer, for the final report.
    /// - Throws: ``AgencyError``; ``Stopped``; any error of `work`.
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
                        deadline, lastFailure: "\(endpoint): \(failure.reason)", unacknowledged: unacknowledged(), rerun
                    )
                }
                let failed = endpoint
                index = (index + 1) % endpoints.count
                // The next address is tried at once; after all of them the agency waits.
                let delay = index == 0 ? retry.nextDelay(using: &link.random) : .zero
                log(
                    .connectionFailed(
                        address: "\(failed)", reason: failure.reason,
                        retryMilliseconds: Int(delay / .milliseconds(1))))
                if let signal = link.waitForStop(until: link.now + delay) {
                    throw Stopped(signal: signal)
                }
            }
        }
    }

    /// The silence after which a connection is closed and replaced: the peer's machine may be off.
    static let maxSilence = Duration.seconds(30)

    /// Waits for the next message, up to `limit`, by default 30 s.
    ///
    /// - Throws: ``ConnectionFailure`` if a retry may help, ``AgencyError`` if not, ``Stopped``.
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

    /// Restarts the deadline and the back-off after an answer to a request.
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
        hello.draw = welcome.draw
        if let time = welcome.time, let cutOff = time.cutOff {
            let countdown = DrawCountdown(draw: welcome.draw, cutOff: cutOff, left: time.left, from: link.now)
            if deadlineOfDraw?.cutOff != cutOff {
                log(.drawCloses(welcome.draw, cutOff: cutOff, leftSeconds: Int(time.left / .seconds(1))))
            }
            deadlineOfDraw = countdown
        }
        return try work(&self, welcome)
    }

    /// Checks that a WELCOME is possible; a broken service ends the attempt, not the agency's run.
    private func check(_ welcome: Welcome) throws {
        let bets = welcome.storedBets.addingReportingOverflow(welcome.rejectedBets)
        guard !bets.overflow, bets.partialValue < 1 << 53, welcome.nextSequence < .max, welcome.window >= 1,
            welcome.maxFrameBytes >= Limits.minFrameBytes
        else {
            throw ConnectionFailure(reason: "the service's WELCOME has impossible values: \(welcome)")
        }
    }
}
