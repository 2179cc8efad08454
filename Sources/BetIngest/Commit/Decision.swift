import Domain
import Ledger
import WireProtocol

/// The outcome of a request.
///
/// The connection derives from it the answer, in its protocol, and the log line (`Answer`, `IngestConnection`).
enum Decision: Sendable {
    // MARK: Made by Admission

    /// The connection is the agency's sender from now on.
    case joined(AgencyID, AgencyStanding, tellsStream: Bool)
    /// Another connection is the agency's sender from now on; final.
    case superseded(AgencyID)
    /// An agency of a dialect sends on a new connection.
    case reconnected(AgencyID, storedBets: UInt64, Reconnection)
    /// The record of a chunk is durable.
    case recorded(RecordedChunk)
    /// The chunk was recorded before; its answer is the same as then.
    case repeated(RecordedChunk)
    /// Nothing of the chunk is recorded.
    case notRecorded(NotRecorded)
    /// Chunks before this one are missing; final.
    case gap(NotRecorded)
    /// The chunk needs no record.
    case nothingToRecord(isLast: Bool)
    /// The agency had already finished.
    case finishedAlready
    /// An END that names no agency waits for others from its origin.
    case endParked
    /// The agencies of the parked ENDs have finished.
    case parkedEndFinished
    /// `isAnswered` is false if another decision answers the message.
    case endRejected(reason: String, isAnswered: Bool)
    /// The agency asks for its winners, and everything before the question is answered.
    case consult(AgencyID, waits: Bool)
    /// The peer asks whether the draw is published, and everything before the question is answered.
    case askDrawn

    // MARK: Made by sessions

    /// A message of a dialect is invalid.
    case invalid(InvalidMessage)
    /// The rest of a rejected chunk; not answered.
    case restOfRejected
    /// A native agency violated the protocol or missed a deadline; final.
    case failed(ErrorCode, String)
    /// An agency of a dialect missed a deadline; final, without an answer.
    case expired(AgencyID?, String)
    case echo([UInt8])
    /// The peer has disconnected; final.
    case left

    // MARK: Made by DialectConsultations

    case winners(AgencyID, WinnersFile, WinnersEntry, wasParked: Bool)
    case winnersUnreadable(reason: String)
    case consultationParked
    case notDrawnYet
    case drawn(Bool)
}

/// How expected it is that an agency of a dialect sends on a new connection.
enum Reconnection: Sendable {
    /// Its dialect opens a connection for each message.
    case usual
    /// Its last connection carried one chunk, as if its program opens a connection for each message.
    case likely
    case unexpected
}

/// A chunk or END whose record is durable.
struct RecordedChunk: Equatable, Sendable {
    /// The message that this decision answers.
    enum Message: Equatable, Sendable {
        case chunk
        /// The END of an agency of a dialect.
        case end
        /// Another decision answers it.
        case none
    }

    var agency: AgencyID
    var sequence: UInt32
    var count: Int
    var isLast: Bool
    var firstBetIndex: UInt64
    /// Nil for stored bets.
    var rejection: RejectionRecord?
    var answers = Message.chunk
    /// The bet of a stored chunk with one bet, if the log names bets.
    var singleBet: Bet?
}

/// A chunk without a record.
struct NotRecorded: Equatable, Sendable {
    var agency: AgencyID
    var sequence: UInt32
    var count: Int
    var code: RejectionCode
    var reason: String
}

/// A message of a dialect that its session rejected.
struct InvalidMessage: Equatable, Sendable {
    /// The agency that the message names, or else the connection's agency.
    var agency: AgencyID?
    /// The bets of a rejected chunk, valid or not; nil if the message is not a chunk.
    var bets: Int?
    var badBets = 0
    var reason: String
    /// Whether the connection is closed with the answer.
    var isFinal = false
}
