import Domain
import Shell
import WireProtocol

/// Sends one bet, which is stored once.
///
/// If the agency's last recorded bet is the same, an earlier run has sent it.
///
/// Isolation: the main thread.
struct SingleBetSender {
    enum Outcome: Equatable {
        case stored
        /// Stored by an earlier run; nothing was sent, except perhaps an empty last chunk to finish the agency.
        case storedAlready
    }

    let bet: Bet
    /// Whether the agency finishes with this bet.
    let isLast: Bool
    /// Whether an identical bet is deliberately stored again.
    let isAgain: Bool
    let log: EventLog
    private(set) var sent: Chunk?

    init(bet: Bet, isLast: Bool, isAgain: Bool, log: EventLog) {
        self.bet = bet
        self.isLast = isLast
        self.isAgain = isAgain
        self.log = log
    }

    /// Sends the bet and blocks until the service has answered.
    ///
    /// - Throws: ``AgencyError``; ``BetRejected``; ``Stopped``.
    mutating func run(_ dialog: inout ServiceDialog) throws -> Outcome {
        var sender = self
        defer { self = sender }
        var unacknowledged: UInt32?
        return try dialog.run(unacknowledged: { unacknowledged }) { dialog, welcome in
            defer { unacknowledged = sender.sent?.sequence }
            return try sender.send(&dialog, welcome)
        }
    }

    private mutating func send(_ dialog: inout ServiceDialog, _ welcome: Welcome) throws -> Outcome {
        // The ledger was restored from a copy without the chunk: start over.
        if let sent, sent.sequence > welcome.nextSequence { self.sent = nil }
        guard let chunk = sent ?? nextChunk(welcome) else { return .storedAlready }
        // After a lost answer the chunk is repeated with its sequence.
        sent = chunk
        dialog.link.send(.chunk(chunk))
        switch try dialog.waitForNextMessage() {
        case .chunkProcessed(let processed) where processed.sequence == chunk.sequence:
            dialog.noteAnswer()
            sent = nil
            return chunk.count == 1 ? .stored : .storedAlready
        case .chunkRejected(let rejection) where rejection.sequence == chunk.sequence:
            sent = nil
            throw error(rejection)
        default:
            throw ConnectionFailure(reason: "the service answered a chunk with something else")
        }
    }

    /// The chunk to send: with the bet, empty to only finish the agency, or nil if nothing remains to be done.
    private func nextChunk(_ welcome: Welcome) -> Chunk? {
        var builder = BetColumnsBuilder()
        builder.append(bet)
        let chunk = builder.takeChunk(sequence: welcome.nextSequence, isLast: isLast)
        guard !isAgain, let last = welcome.stream, last.lastChunk == .stored, last.lastCount == 1,
            last.lastChecksum == BetsDigest(BetColumns(chunk.bets, count: 1)).checksum
        else { return chunk }
        return isLast && !welcome.isFinished ? builder.takeChunk(sequence: welcome.nextSequence, isLast: true) : nil
    }

    private func error(_ rejection: ChunkRejected) -> any Error {
        switch rejection.code {
        case .agencyFinished, .drawClosed, .drawVoid: return AgencyError.notAdmitted(rejection.message)
        case .conflict: return AgencyError.conflict(sequence: rejection.sequence, rejection.message)
        case .invalidBet, .malformedChunk:
            log(.betsRejectedByService(count: 1, sequence: rejection.sequence, reason: rejection.message))
            return BetRejected(reason: rejection.message)
        default:
            return AgencyError.notStored(sequence: rejection.sequence, rejection.code, rejection.message)
        }
    }
}

/// A rejection of the bet by the service: it is not stored.
struct BetRejected: ProgramError, CustomStringConvertible {
    var reason: String
    var exit: ProgramExit { .data }
    var description: String { "the service rejected the bet, and it is not stored: \(reason)" }
}
