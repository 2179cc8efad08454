import WireProtocol

/// Asks for the agency's winners until the draw is published.
///
/// Isolation: the main thread.
struct WinnersConsultation {
    struct Outcome: Equatable {
        var winningNumber: UInt16
        /// One for each winning bet, in the order of the ledger.
        var documents: [String]
    }

    let drawDeadline: Duration
    /// The agency's number of stored bets, if known: it cannot have more winners.
    var maxWinners = 1 << 26
    /// Called with the progress of the draw, if a terminal shows it; then the service is asked more often.
    var waiting: ((NotDrawnYet) -> Void)?

    /// The longest time that a consultation asks to be parked.
    private var wait: Duration { waiting == nil ? .seconds(30) : .seconds(10) }

    /// Asks for the winners and blocks until they arrive.
    ///
    /// - Throws: ``AgencyError/notDrawn(_:)`` at the deadline; ``Stopped``.
    func run(_ dialog: inout ServiceDialog) throws -> Outcome {
        let end = dialog.link.now + drawDeadline
        return try dialog.run { dialog, _ in
            try consult(&dialog, until: end)
        }
    }

    private func consult(_ dialog: inout ServiceDialog, until end: ContinuousClock.Instant) throws -> Outcome {
        let link = dialog.link
        var documents: [String] = []
        var backoff = RetryPolicy(initial: .milliseconds(500), max: .seconds(30))
        var asked = link.now
        // A terminal shows the progress of the draw at once.
        ask(dialog, waiting == nil ? end : link.now)
        while true {
            switch try dialog.waitForNextMessage(upTo: wait * 2) {
            case .winners(let winners):
                guard documents.count + winners.documents.count <= maxWinners else {
                    throw ConnectionFailure(
                        reason: "the service names more than \(maxWinners) winning bets of this agency")
                }
                documents += winners.documents
                if winners.hasMore { continue }
                dialog.noteAnswer()  // only now: an endless list must not extend the deadline
                return Outcome(winningNumber: winners.winningNumber, documents: documents)
            case .notDrawnYet(let answer):
                dialog.noteAnswer()
                waiting?(answer)
                guard link.now < end else {
                    throw AgencyError.notDrawn(drawDeadline)
                }
                // A service that parked has already made the agency wait; one that does not park is asked less and less often.
                if asked.duration(to: link.now) > wait / 2 { backoff.reset() }
                let asks = min(.seconds(60), Duration.milliseconds(Int(answer.retryAfterMilliseconds)))
                let delay = max(asks, backoff.nextDelay(using: &link.random))
                if let signal = link.waitForStop(until: min(end, link.now + delay)) {
                    throw Stopped(signal: signal)
                }
                asked = link.now
                ask(dialog, end)
            default:
                throw ConnectionFailure(reason: "the service answered a consultation with something else")
            }
        }
    }

    /// Asks to be parked until `end` at most, and well below the dialog's limit of silence.
    private func ask(_ dialog: ServiceDialog, _ end: ContinuousClock.Instant) {
        let left = max(.milliseconds(1), dialog.link.now.duration(to: end))
        let wait = min(wait, left, dialog.deadline / 2)
        dialog.link.send(.consultWinners(waitMilliseconds: UInt32(wait / .milliseconds(1))))
    }
}
