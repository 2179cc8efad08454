import Domain

/// A request that a session derived from an event of its connection.
enum Request: Sendable {
    /// Makes the connection the agency's sender.
    ///
    /// `version`: the agency's version of the protocol.
    case join(AgencyID, version: UInt8)
    /// A chunk with the agency's own sequence.
    case chunk(CheckedChunk, AgencyID)
    /// A chunk of a dialect: the service assigns its sequence.
    case unnumberedChunk(CheckedChunk, AgencyID)
    /// The agency has sent all its bets; nil if neither the message nor its connection names it.
    case finish(AgencyID?)
    /// Asks for the agency's winners in a draw.
    ///
    /// `finishes`: the agency has sent all its bets. `waits`: the question may be parked until the draw.
    case consult(DrawID, AgencyID, finishes: Bool, waits: Bool)
    /// Asks whether the draw is published.
    case askDrawn
    /// Made by the session, delivered in order.
    case answer(Decision)
    /// The connection ends, and releases the agency.
    case leave(AgencyID?, Decision)
}
