package import Domain
package import WireProtocol

/// The request in a dialect's message.
///
/// The agency is nil if the message does not name one; it is then the agency that sent chunks on the connection.
///
/// Fields end at the dialect's separator and are not unescaped: a separator inside a name gives one field too many,
/// which makes the bet invalid. Bytes are passed on as they arrived; ``BetRules`` decides whether a name is valid UTF-8.
/// A chunk with one invalid bet is a ``badChunk(_:_:)`` as a whole. A message of another shape is ``unknown(reason:)``.
package enum DialectRequest: Equatable, Sendable {
    /// Bets to store, possibly zero; the service numbers the chunk.
    case chunk(AgencyID?, Chunk)
    /// None of its bets is stored.
    case badChunk(AgencyID?, BadChunk)
    /// The agency has sent all its bets.
    case finish(AgencyID?)
    case consult(AgencyID?, Consultation)
    /// Whether the draw is published.
    case askDrawn
    /// The bytes to send back.
    case echo([UInt8])
    case unknown(reason: String)

    /// The terms of a consultation.
    package struct Consultation: Equatable, Sendable {
        package enum Wait: Equatable, Sendable {
            /// Answered after the draw.
            case always
            /// Answered after the draw if the agency has finished on this connection, otherwise at once.
            case afterFinish
            /// Answered at once.
            case never
        }

        /// Whether the consultation also says that the agency has sent all its bets.
        package var finishes = false
        package var wait: Wait

        package init(finishes: Bool = false, wait: Wait) {
            self.finishes = finishes
            self.wait = wait
        }
    }
}

/// A chunk to reject.
package struct BadChunk: Equatable, Sendable {
    /// The number of bets, valid or not.
    package var count: Int
    /// The number of invalid bets.
    package var badBets: Int
    package var reason: String
    /// Whether later bytes that are not a message are its rest: a field may have ended it early.
    package var mayHaveRest: Bool

    package init(count: Int, badBets: Int, reason: String, mayHaveRest: Bool = false) {
        self.count = count
        self.badBets = badBets
        self.reason = reason
        self.mayHaveRest = mayHaveRest
    }
}

/// A reply to an agency of a dialect, other than its winners (``WinnersForm``).
package enum DialectReply: Equatable, Sendable {
    /// The chunk is durable.
    ///
    /// `isLast`: the chunk's own message said so (``Chunk/isLast``), as only some dialects can, such as `json`.
    case stored(isLast: Bool)
    /// Nothing is stored; `badBets` is 0 if the message has no invalid bets.
    case rejected(badBets: Int, reason: String)
    /// The agency has finished, durably.
    case finished
    /// The draw is not published yet.
    case notDrawnYet
    case drawn(Bool)
    case echo([UInt8])

    /// The action on the connection after a reply.
    package enum Next: Equatable, Sendable {
        case stay
        /// Close, unless more bytes from the agency have arrived.
        case closeWhenQuiet
        case close
    }
}
