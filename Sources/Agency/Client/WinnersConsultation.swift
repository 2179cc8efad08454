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
    /// The agency's stored bets, if they are known: it cannot have more winners.
    var maxWinners = 1 << 26
    /// Told while the draw is not published, if somebody watches: then the service is asked more often.
    var waiting: ((NotDrawnYet) -> Void)?

    /// How long a consultation asks to be parked, at most.
    private var wait: Duration { waiting == nil ? .seconds(30) : .seconds(10) }

    /// Asks for the winners.
    ///
    /// Blocks until they are told.
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
        // Somebody who watches sees at once how far the draw is.
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
                dialog.noteAnswer()  // not before: a service that is not believed must not keep the agency here
                return Outcome(winningNumber: winners.winningNumber, documents: documents)
            case .notDrawnYet(let answer):
                dialog.noteAnswer()
                waiting?(answer)
                guard link.now < end else {
                    throw AgencyError.notDrawn(drawDeadline)
                }
                // A service that parks has made the agency wait already; one that does not is asked less and less often.
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

    /// Asks to be parked: at most until `end`, and well below what the dialog takes for silence.
    private func ask(_ dialog: ServiceDialog, _ end: ContinuousClock.Instant) {
        let left = max(.milliseconds(1), dialog.link.now.duration(to: end))
        let wait = min(wait, left, dialog.deadline / 2)
        dialog.link.send(.consultWinners(waitMilliseconds: UInt32(wait / .milliseconds(1))))
    }
}
