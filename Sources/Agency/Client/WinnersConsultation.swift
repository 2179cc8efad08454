import Shared

/// Asks for the agency's winners until the draw is published.
///
/// Isolation: the main thread.
struct WinnersConsultation {
    struct Outcome: Equatable {
        var winningNumber: UInt16
        var documents: [String]
    }

    let drawDeadline: Duration
    let mailbox: Mailbox

    /// How long a consultation asks to be parked, at most.
    private static let wait = Duration.seconds(30)

    /// Blocks until the winners are told.
    ///
    /// - Throws: ``AgencyError/notDrawn(_:)`` at the deadline.
    func run(_ dialog: inout ServiceDialog) throws -> Outcome {
        let end = ContinuousClock.now + drawDeadline
        return try dialog.run { dialog, connection, _ in
            try consult(&dialog, connection, until: end)
        }
    }

    private func consult(
        _ dialog: inout ServiceDialog, _ connection: ServiceConnection,
        until end: ContinuousClock.Instant
    ) throws -> Outcome {
        var documents: [String] = []
        var backoff = RetryPolicy(initial: .milliseconds(500), max: .seconds(30))
        var dice = SystemRandomNumberGenerator()
        var asked = ContinuousClock.now
        connection.send(consultation(dialog, until: end))
        while true {
            switch try dialog.waitForNextMessage(upTo: Self.wait * 2) {
            case .winners(let winners):
                dialog.noteAnswer()
                documents += winners.documents
                if winners.hasMore { continue }
                return Outcome(winningNumber: winners.winningNumber, documents: documents)
            case .notDrawnYet(let answer):
                dialog.noteAnswer()
                guard ContinuousClock.now < end else {
                    throw AgencyError.notDrawn(drawDeadline)
                }
                // A service that parks has made the agency wait already; one that does not is asked less and less often.
                if asked.duration(to: .now) > Self.wait / 2 { backoff.reset() }
                let asks = Duration.milliseconds(Int(answer.retryAfterMilliseconds))
                let delay = max(asks, backoff.nextDelay(using: &dice))
                if let signal = mailbox.waitForStop(until: min(end, .now + delay)) {
                    throw Stopped(signal: signal)
                }
                asked = .now
                connection.send(consultation(dialog, until: end))
            default:
                throw ConnectionFailure(reason: "the service answered a consultation with something else")
            }
        }
    }

    /// Asks to be parked: up to 30 s, to the end, and well below what the dialog takes for silence.
    private func consultation(_ dialog: ServiceDialog, until end: ContinuousClock.Instant) -> Message {
        let left = max(.milliseconds(1), ContinuousClock.now.duration(to: end))
        let wait = min(Self.wait, left, dialog.deadline / 2)
        return .consultWinners(waitMilliseconds: UInt32(wait / .milliseconds(1)))
    }
}
