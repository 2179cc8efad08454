import Domain

/// A request of a connection, as its session understood it.
///
/// ``Admission/apply(_:from:to:)`` decides what it becomes.
enum Request: Sendable {
    /// The connection sends for the agency from now on.
    ///
    /// `tellsStream`: the agency's version of the protocol has the stream's record in WELCOME.
    case join(AgencyID, tellsStream: Bool)
    /// A chunk with the agency's own sequence.
    case chunk(CheckedChunk, AgencyID)
    /// A chunk of a dialect, which the service numbers.
    case unnumberedChunk(CheckedChunk, AgencyID)
    /// The agency has sent all its bets; nil if neither the message nor its connection names it.
    case finish(AgencyID?)
    /// The agency's winners; `waits`: the answer may be given after the draw.
    case consult(AgencyID, finishes: Bool, waits: Bool)
    /// Whether the draw is published.
    case askDrawn
    /// A decision that the session made alone: answered in turn.
    case answer(Decision)
    /// The connection ends, and releases the agency.
    case leave(AgencyID?, Decision)
}
