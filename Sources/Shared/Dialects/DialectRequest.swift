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
    /// Bets to store, possibly zero.
    ///
    /// The chunk has no sequence; the service numbers it.
    case chunk(AgencyID?, Chunk)
    /// A chunk with an invalid bet or an invalid form; none of its bets is stored.
    case badChunk(AgencyID?, BadChunk)
    /// The agency has sent all its bets.
    case finish(AgencyID?)
    case consult(AgencyID?, Consultation)
    /// The question whether the draw is published.
    case askDrawn
    /// The bytes to send back.
    case echo([UInt8])
    /// Not a message of the dialect.
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
    /// The number of its bets, valid or not.
    package var count: Int
    /// The number of invalid bets.
    package var badBets: Int
    package var reason: String
    /// Whether a field of the chunk may have ended it early.
    ///
    /// If so, bytes that follow and are not a message are its rest.
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
    /// `isLast` is true if the chunk's own message said that it was the agency's last (``Chunk/isLast``). Only dialects
    /// whose chunks can say so, such as `json`, ever receive true.
    case stored(isLast: Bool)
    /// Nothing of the message is stored.
    ///
    /// `badBets` is the number of invalid bets, 0 if the message has none.
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
