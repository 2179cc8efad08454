package import Domain

/// A message of the native protocol, in either direction and on either port.
///
/// Source: docs/protocol.md; golden tests compare the bytes of each message with it.
package enum Message: Equatable, Sendable {
    case hello(Hello)
    case chunk(Chunk)
    case consultWinners(waitMilliseconds: UInt32)
    case welcome(Welcome)
    case chunkProcessed(ChunkProcessed)
    case chunkRejected(ChunkRejected)
    case winners(Winners)
    case notDrawnYet(NotDrawnYet)
    case error(ErrorCode, String)

    /// The version of the protocol that HELLO names.
    package static let version: UInt8 = 3

    /// The versions that the services support; WELCOME has no ``StreamRecord`` in version 1, and no ``DrawTime`` before
    /// version 3.
    package static let versions: ClosedRange<UInt8> = 1...3

    /// The answer beyond the connection limit.
    package static let busy = Message.error(
        .busy, "the connection limit, in total or for one address, is reached; connect again later")

    /// The final message of a service that stops.
    package static let shuttingDown = Message.error(
        .shuttingDown, "the service is stopping; connect again later")
}

/// A frame's type byte.
package enum MessageType: UInt8, Sendable, CaseIterable {
    case hello = 0x01
    case sendChunk = 0x02
    case sendLastChunk = 0x03
    case consultAgencyWinners = 0x04
    case welcome = 0x81
    case chunkProcessed = 0x82
    case chunkRejected = 0x83
    case informAgencyWinners = 0x84
    case notDrawnYet = 0x85
    case error = 0xFF
}

/// HELLO: the first message on every connection, to both ports.
package struct Hello: Equatable, Sendable {
    package var version: UInt8
    package var agency: AgencyID
    /// Empty: the current draw.
    package var draw: String
    /// Empty: no token.
    package var token: String

    package init(
        version: UInt8 = Message.version, agency: AgencyID, draw: String = "", token: String = ""
    ) {
        self.version = version
        self.agency = agency
        self.draw = draw
        self.token = token
    }
}

/// SEND_CHUNK or SEND_LAST_CHUNK: bets by column, kept as the frame in which they arrived.
package struct Chunk: Equatable, Sendable {
    /// The index of the bets in the frame: after type 1, sequence 4 and count 2.
    package static let betsIndex = 7

    package var isLast: Bool
    /// From 1.
    package var sequence: UInt32
    /// The claimed number of bets, 0 … 65,535; not validated.
    package var count: Int
    /// The whole frame without its length.
    package var frame: [UInt8]

    package init(isLast: Bool, sequence: UInt32, count: Int, frame: [UInt8]) {
        self.isLast = isLast
        self.sequence = sequence
        self.count = count
        self.frame = frame
    }

    /// The bets' bytes, without a copy.
    package var bets: Span<UInt8> {
        @_lifetime(borrow self)
        borrowing get {
            frame.span.extracting(Self.betsIndex...)
        }
    }
}

/// WELCOME: the position of the agency's stream, and the limits of the service.
package struct Welcome: Equatable, Sendable {
    package var nextSequence: UInt32
    package var storedBets: UInt64
    package var rejectedBets: UInt64
    package var maxFrameBytes: UInt32
    package var window: UInt16
    package var isFinished: Bool
    package var draw: String
    /// The bets recorded for the agency, on port 1 only; nil for an agency of version 1.
    package var stream: StreamRecord?
    /// On port 1 only, with ``stream``; nil for an agency of version 1 or 2.
    package var time: DrawTime?

    package init(
        nextSequence: UInt32, storedBets: UInt64, rejectedBets: UInt64, maxFrameBytes: UInt32,
        window: UInt16, isFinished: Bool, draw: String, stream: StreamRecord? = nil, time: DrawTime? = nil
    ) {
        self.nextSequence = nextSequence
        self.storedBets = storedBets
        self.rejectedBets = rejectedBets
        self.maxFrameBytes = maxFrameBytes
        self.window = window
        self.isFinished = isFinished
        self.draw = draw
        self.stream = stream
        self.time = time
    }
}

/// The server's clock and the draw's cut-off, for the agency to show how much time is left.
package struct DrawTime: Equatable, Sendable {
    package var now: Instant
    /// Nil: the draw closes when every agency has finished.
    package var cutOff: Instant?

    package init(now: Instant, cutOff: Instant?) {
        self.now = now
        self.cutOff = cutOff
    }

    /// The time until the cut-off; zero after it, and without one.
    package var left: Duration {
        guard let cutOff, cutOff > now else { return .zero }
        return .milliseconds(Int(min(cutOff.milliseconds - now.milliseconds, 1 << 52)))
    }
}

/// The bets recorded for an agency, stored and rejected, which it compares with its file.
package struct StreamRecord: Equatable, Sendable {
    /// The outcome of the chunk with the highest sequence.
    package enum LastChunk: UInt8, Sendable {
        case none = 0
        case stored = 1
        case rejected = 2
    }

    package var lastChunk: LastChunk
    /// The number of bets in that chunk; 0 if its columns were malformed.
    package var lastCount: UInt16
    /// ``BetsDigest/checksum`` of that chunk's bets.
    package var lastChecksum: UInt32
    /// ``BetsDigest/checksum`` of all recorded bets in the order of their sequences; nil if the ledger, written by an
    /// older version, does not have it.
    package var checksum: UInt32?

    package init(lastChunk: LastChunk, lastCount: UInt16, lastChecksum: UInt32, checksum: UInt32?) {
        self.lastChunk = lastChunk
        self.lastCount = lastCount
        self.lastChecksum = lastChecksum
        self.checksum = checksum
    }
}

/// CHUNK_PROCESSED: a chunk is durable.
package struct ChunkProcessed: Equatable, Sendable {
    package var sequence: UInt32
    package var count: UInt16
    /// The first bet's position among all bets of the ledger, from 0.
    package var firstBetIndex: UInt64

    package init(sequence: UInt32, count: UInt16, firstBetIndex: UInt64) {
        self.sequence = sequence
        self.count = count
        self.firstBetIndex = firstBetIndex
    }
}

/// CHUNK_REJECTED: nothing of a chunk is stored.
package struct ChunkRejected: Equatable, Sendable {
    package var sequence: UInt32
    package var code: RejectionCode
    /// The index of the invalid bet, from 0; also 0 if the code does not concern a single bet.
    package var betIndex: UInt16
    package var message: String

    package init(sequence: UInt32, code: RejectionCode, betIndex: UInt16, message: String) {
        self.sequence = sequence
        self.code = code
        self.betIndex = betIndex
        self.message = message
    }
}

/// INFORM_AGENCY_WINNERS: an agency's own winners, in the order of the ledger.
package struct Winners: Equatable, Sendable {
    package var winningNumber: UInt16
    /// Whether another message follows.
    package var hasMore: Bool
    package var documents: [String]

    package init(winningNumber: UInt16, hasMore: Bool, documents: [String]) {
        self.winningNumber = winningNumber
        self.hasMore = hasMore
        self.documents = documents
    }
}

/// NOT_DRAWN_YET: the draw has not been published.
package struct NotDrawnYet: Equatable, Sendable {
    package var finishedAgencies: UInt32
    package var expectedAgencies: UInt32
    package var retryAfterMilliseconds: UInt32

    package init(finishedAgencies: UInt32, expectedAgencies: UInt32, retryAfterMilliseconds: UInt32) {
        self.finishedAgencies = finishedAgencies
        self.expectedAgencies = expectedAgencies
        self.retryAfterMilliseconds = retryAfterMilliseconds
    }
}
