import Domain
import WireProtocol

/// What one connection to the ingest service may say next: bytes of its language in, what is to be done about them out.
///
/// Pure. A value for each connection.
protocol IngestSession: Sendable {
    /// Takes what happened on the connection next.
    ///
    /// - Parameter today: birthdates after it are in the future.
    mutating func receive(_ item: IngestConnection.Item, today: Birthdate) -> IngestAction
}

/// What a worker does about something that a connection said.
enum IngestAction: Equatable, Sendable {
    /// The connection speaks for the agency; it is welcomed, with the stream's record if its version has it.
    case join(AgencyID, tellsStream: Bool)
    /// A chunk with the agency's own sequence.
    case admit(Chunk, AgencyID)
    /// A chunk of a dialect: its bets are checked, the service numbers it.
    case number(Chunk, AgencyID)
    /// All is sent.
    ///
    /// Without an agency it is the one whose bets came from the same address.
    case finish(AgencyID?)
    /// Tell the agency its winners; before the draw park it where it `waits`.
    case consult(AgencyID, finishes: Bool, waits: Bool)
    /// Tell whether the draw is published.
    case askDrawn
    /// Answer in turn.
    case answer(Answer, Complaint?)
    /// Answer ERROR and close.
    case fail(ErrorCode, String, AgencyID?)
    /// Let go of the agency and close.
    case leave(AgencyID?)
    case ignore
}

/// What the log says about something that was refused.
struct Complaint: Equatable, Sendable {
    /// The agency that it names, if it does.
    var agency: AgencyID?
    /// The bets of a refused chunk; nil where it was none.
    var bets: Int?
    var reason: String
}
