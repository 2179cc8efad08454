import DequeModule
import Shared

/// Sends a file's bets: up to `window` chunks in flight, answered in order; after a lost connection goes on where the
/// service says the stream stands.
///
/// Isolation: the main thread.
struct BetSender {
    /// What has come of the agency's bets, over all its runs.
    struct Totals: Equatable {
        var stored = 0
        /// Refused by the service.
        var refused = 0
    }

    let path: String
    let log: EventLog
    private let rejected: RejectedRows
    private var stream: BetStream
    private var totals = Totals()
    /// Stored in this run: what the bar's rate is of.
    private var sentBets = 0
    private var inFlight: Deque<BetStream.Packed> = []
    private let bar = ProgressBar(label: "bets", unit: "bets")

    init(path: String, stream: BetStream, rejected: RejectedRows, log: EventLog) {
        self.path = path
        self.rejected = rejected
        self.stream = stream
        self.log = log
    }

    /// Sends everything.
    ///
    /// Blocks until the last chunk is answered.
    ///
    /// - Returns: the totals, those of earlier runs included.
    mutating func run(_ dialog: inout ServiceDialog) throws -> Totals {
        var sender = self
        defer {
            sender.bar.finish()
            self = sender
        }
        var unacknowledged: UInt32?
        return try dialog.run(unacknowledged: { unacknowledged }) { dialog, connection, welcome in
            defer { unacknowledged = sender.inFlight.first?.chunk.sequence }
            return try sender.send(&dialog, connection, welcome)
        }
    }

    private mutating func send(
        _ dialog: inout ServiceDialog, _ connection: ServiceConnection, _ welcome: Welcome
    ) throws -> Totals {
        stream.limitChunks(toBytes: Int(welcome.maxFrameBytes) + Limits.frameLengthBytes)
        try resume(welcome)
        var sequence = welcome.nextSequence
        var isFinished = welcome.isFinished
        var hasSentLast = isFinished
        if isFinished { try checkRest() }
        while !isFinished {
            while !hasSentLast, inFlight.count < welcome.window {
                let packed = try stream.nextChunk(sequence: sequence)
                connection.send(.chunk(packed.chunk))
                inFlight.append(packed)
                hasSentLast = packed.chunk.isLast
                sequence += 1
            }
            let message = try dialog.waitForNextMessage()
            guard let oldest = inFlight.popFirst() else {
                throw ConnectionFailure(reason: "the service answered a chunk that was not sent")
            }
            let isStored = try settle(oldest, message)
            dialog.noteAnswer()
            if oldest.chunk.isLast {
                isFinished = isStored
                hasSentLast = isStored  // a refused last chunk leaves the stream open: send another
            }
        }
        return totals
    }

    /// Takes up the stream where the service says it stands.
    private mutating func resume(_ welcome: Welcome) throws {
        // One of these is where the service stands, unless this is the first connection.
        let known = inFlight.map(\.start) + [stream.nextStart]
        inFlight.removeAll()
        totals = Totals(stored: Int(welcome.storedBets), refused: Int(welcome.rejectedBets))
        let bets = totals.stored + totals.refused
        rejected.begin(isFreshStart: bets == 0)
        guard try stream.seek(toBets: bets, known: known) else {
            throw AgencyError.fileTooShort(
                path: path, storedBets: bets, fileBets: stream.position.bets)
        }
    }

    /// The agency has finished: the file must not have more bets than were sent.
    private mutating func checkRest() throws {
        let unsent = try stream.countRest()
        if unsent > 0 { throw AgencyError.fileTooLong(path: path, unsentBets: unsent) }
    }

    /// Counts an answer in.
    ///
    /// - Returns: whether the chunk is stored.
    /// - Throws: ``AgencyError/notAdmitted(_:)`` where the service takes nothing more of this agency.
    private mutating func settle(
        _ packed: BetStream.Packed, _ answer: Message
    ) throws -> Bool {
        let chunk = packed.chunk
        switch answer {
        case .chunkProcessed(let processed) where processed.sequence == chunk.sequence:
            totals.stored += chunk.count
            sentBets += chunk.count
            log(.betsSent(count: chunk.count, sequence: chunk.sequence))
            bar.update(packed.start.byteOffset, of: stream.fileBytes, count: sentBets)
            return true
        case .chunkRejected(let rejected)
        where rejected.code == .agencyFinished || rejected.code == .drawClosed:
            throw AgencyError.notAdmitted(rejected.message)
        case .chunkRejected(let rejected) where rejected.sequence == chunk.sequence:
            totals.refused += chunk.count
            let reason = "refused by the service (\(rejected.code)): \(rejected.message)"
            log(.betsRefused(count: chunk.count, sequence: chunk.sequence, reason: reason))
            try stream.reject(packed, reason: reason)
            return false
        default:
            throw ConnectionFailure(
                reason: "the service answered sequence \(chunk.sequence) with something else")
        }
    }
}
