import Domain
import Ledger
import WireProtocol

/// The outcome of a request.
///
/// The connection derives its answer and log line from it (`Answer`, `IngestConnection`).
///
/// Every chunk has one, so the usual case is small and cheap to copy; cases with references are boxed.
enum Decision: Sendable {
    // MARK: Made by Admission

    /// The connection is the agency's sender from now on.
    indirect case joined(Joined)
    /// Another connection is the agency's sender from now on; final.
    case superseded(AgencyID)
    /// An agency of a dialect sends on a new connection.
    case reconnected(AgencyID, storedBets: UInt64, Reconnection)
    /// Stored or recorded durably.
    case stored(RecordedChunk)
    /// Recorded durably.
    indirect case rejected(RecordedChunk, RejectionRecord)
    /// The chunk was recorded before: its answer then.
    indirect case repeated(RecordedChunk, RejectionRecord?)
    /// For the log: the bet of a stored chunk of one.
    indirect case storedBet(Bet)
    indirect case notRecorded(NotRecorded)
    /// The chunk is late and cannot be listed now, so it is not answered as late; final.
    case lateUnlisted(AgencyID)
    /// Chunks before this one are missing; final.
    indirect case gap(NotRecorded)
    /// The chunk needs no record.
    case nothingToRecord(isLast: Bool)
    case finishedAlready
    /// An END that names no agency waits for others from its origin.
    case endParked
    /// The agencies of the parked ENDs have finished.
    case parkedEndFinished
    /// The draw closed before the agencies of the parked ENDs finished.
    indirect case parkedEndRejected(reason: String)
    /// `isAnswered` is false if another decision answers the message.
    indirect case endRejected(reason: String, isAnswered: Bool)
    /// The agency asks for its winners, and everything before the question is answered.
    indirect case consult(DrawID, AgencyID, waits: Bool)
    /// The peer asks whether the draw is published, and everything before the question is answered.
    ///
    /// Nil: whether any draw is.
    indirect case askDrawn(DrawID?)

    // MARK: Made by sessions

    indirect case invalid(InvalidMessage)
    /// The rest of a rejected chunk; not answered.
    case restOfRejected
    /// A native agency violated the protocol or missed a deadline; final.
    indirect case failed(ErrorCode, String)
    /// The peer may not speak for the agency; final. The reason is for the operator.
    indirect case denied(AgencyID?, reason: String)
    /// An agency of a dialect missed a deadline; final, without an answer.
    indirect case expired(AgencyID?, String)
    case echo([UInt8])
    /// The peer has disconnected; final.
    case left

    // MARK: Made by DialectConsultations

    indirect case winners(AgencyID, WinnersFile, WinnersEntry, wasParked: Bool)
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
    var answers = Message.chunk
}

/// The agency that a connection sends for, and what WELCOME says to it.
struct Joined: Equatable, Sendable {
    var draw: DrawID
    var agency: AgencyID
    var standing: AgencyStanding
    /// The agency's version of the protocol.
    var version: UInt8
    var cutOff: Instant?
    /// The server's time.
    var time: Instant
}

/// A message of a dialect that its session rejected.
struct InvalidMessage: Equatable, Sendable {
    /// The agency that the message names, or else the connection's agency.
    var agency: AgencyID?
    /// The bets of a rejected chunk, valid or not; nil if the message is not a chunk.
    var bets: Int?
    var badBets = 0
    var reason: String
    /// Whether the answer closes the connection.
    var isFinal = false
}

extension Decision {
    /// The decision if late chunks cannot be listed: on a late chunk another one, otherwise the same.
    var unlisted: Decision {
        guard case .notRecorded(let chunk) = self, chunk.late != nil else { return self }
        return .lateUnlisted(chunk.agency)
    }
}
