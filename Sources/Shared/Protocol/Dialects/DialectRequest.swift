/// What an agency of a dialect asks for.
///
/// `agency` is nil where the message names none: then it is the connection's.
package enum DialectRequest: Equatable, Sendable {
    /// Store these bets, which may be none.
    ///
    /// The chunk has no sequence: the service numbers it.
    case chunk(AgencyID?, Chunk)
    /// Bets that are none: nothing of them is stored.
    case badChunk(AgencyID?, BadChunk)
    /// All is sent.
    case finish(AgencyID?)
    case consult(AgencyID?, Consultation)
    /// Whether the draw is published.
    case askDrawn
    /// The same bytes back.
    case echo([UInt8])
    /// A message that the dialect does not have.
    case unknown(reason: String)

    /// How a consultation is meant.
    package struct Consultation: Equatable, Sendable {
        package enum Wait: Equatable, Sendable {
            /// The answer comes after the draw.
            case always
            /// Only on a connection that has said that all is sent; else it is answered at once.
            case afterFinish
            case never
        }

        /// The consultation also says that all is sent.
        package var finishes = false
        package var wait: Wait

        package init(finishes: Bool = false, wait: Wait) {
            self.finishes = finishes
            self.wait = wait
        }
    }
}

/// A chunk that is refused.
package struct BadChunk: Equatable, Sendable {
    /// The bets it holds, valid or not.
    package var count: Int
    /// Those at fault.
    package var badBets: Int
    package var reason: String
    /// Its own bytes may have ended it early: what follows and is no message is the rest of it.
    package var mayHaveRest: Bool

    package init(count: Int, badBets: Int, reason: String, mayHaveRest: Bool = false) {
        self.count = count
        self.badBets = badBets
        self.reason = reason
        self.mayHaveRest = mayHaveRest
    }
}

/// What an agency of a dialect is told.
package enum DialectReply: Equatable, Sendable {
    /// The chunk is durable.
    case stored(isLast: Bool)
    /// Nothing of the message is stored.
    ///
    /// `badBets` is 0 where it is about no bet.
    case rejected(badBets: Int, reason: String)
    /// That all is sent is durable.
    case finished
    /// The agency's own winners, in the order of the ledger.
    case winners([String])
    /// No answer about winners.
    case notDrawnYet
    case drawn(Bool)
    case echo([UInt8])

    /// What becomes of the connection behind a reply.
    package enum Next: Equatable, Sendable {
        case stay
        /// Close, unless more of the agency is here already.
        case closeWhenQuiet
        case close
    }
}
