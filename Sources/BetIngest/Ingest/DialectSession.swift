import Connections
import Dialects
import Domain
import WireProtocol

/// A connection that speaks a dialect: which agency it speaks for, and whether that has sent all.
struct DialectSession: IngestSession {
    private let dialect: any Dialect
    private let agencies: UInt32
    /// The agency of the chunks that came on this connection.
    private var agency: AgencyID?
    /// The agency has said here that all is sent.
    private var hasFinished = false
    /// The last chunk was refused and may have been cut short: what is no message now is the rest of it.
    private var mayRestFollow = false
    /// Final: what still comes is not looked at.
    private var isClosed = false

    init(_ dialect: any Dialect, agencies: UInt32) {
        self.dialect = dialect
        self.agencies = agencies
    }

    mutating func receive(_ item: IngestConnection.Item, today: Birthdate) -> IngestAction {
        switch item {
        case .frame where isClosed, .badFrame where isClosed, .expired where isClosed:
            return .ignore
        case .hungUp:
            isClosed = true
            return .leave(agency)
        case .expired(let what):
            isClosed = true
            return .answer(Answer(.nothing, closes: true), Complaint(agency: agency, reason: what))
        case .badFrame(let fault):
            isClosed = true
            return .answer(
                Answer(.rejected(badBets: 0, reason: "\(fault)"), closes: true),
                Complaint(agency: agency, reason: "\(fault)"))
        case .frame(let frame) where frame.isCutShort:
            let reason = "the message is longer than its length says: it must count bytes, not characters"
            return receive(.badChunk(nil, BadChunk(count: 1, badBets: 1, reason: reason)))
        case .frame(let frame):
            return receive(dialect.request(frame.bytes, today: today))
        }
    }

    mutating func receive(_ request: DialectRequest) -> IngestAction {
        if isClosed { return .ignore }
        if case .unknown(let reason) = request {
            // The rest of a chunk that was answered already.
            return mayRestFollow ? .answer(Answer(.nothing), nil) : refuse(reason: reason)
        }
        mayRestFollow = false
        switch request {
        case .chunk(let named, let chunk):
            if let fault = fault(of: named) { return refuse(named, bets: chunk.count, bad: chunk.count, reason: fault) }
            agency = named ?? agency
            guard let agency, chunk.count > 0 || chunk.isLast else {
                return .answer(Answer(.stored(isLast: false)), nil)
            }
            return .number(chunk, agency)
        case .badChunk(let named, let chunk):
            mayRestFollow = chunk.mayHaveRest
            // Whose bets were refused is known all the same: an END behind them is this agency's.
            if fault(of: named) == nil { agency = agency ?? named }
            return refuse(named ?? agency, bets: chunk.count, bad: chunk.badBets, reason: chunk.reason)
        case .finish(let named):
            if let fault = fault(of: named) { return refuse(named, reason: fault) }
            agency = named ?? agency
            hasFinished = true
            return .finish(agency)
        case .consult(let named, let consultation):
            guard let agency = named ?? agency else {
                return refuse(reason: "no bets came on this connection: whose winners?")
            }
            if let fault = fault(of: agency) { return refuse(agency, reason: fault) }
            hasFinished = hasFinished || consultation.finishes
            let waits = consultation.wait == .always || consultation.wait == .afterFinish && hasFinished
            return .consult(agency, finishes: consultation.finishes, waits: waits)
        case .askDrawn:
            return .askDrawn
        case .echo(let bytes):
            return .answer(Answer(.echo(bytes)), nil)
        case .unknown:
            return .ignore  // seen above
        }
    }

    /// Why a message of this agency does not belong here; nil where it does.
    private func fault(of named: AgencyID?) -> String? {
        guard let named else { return nil }
        if let fault = named.fault(agencies: agencies) { return fault }
        if let agency, agency != named { return "agency \(named) on a connection of agency \(agency)" }
        return nil
    }

    private mutating func refuse(
        _ agency: AgencyID? = nil, bets: Int? = nil, bad: Int = 0, reason: String
    ) -> IngestAction {
        let reply = DialectReply.rejected(badBets: bad, reason: reason)
        // Bytes that follow must not be stored, because their answer could not be sent.
        isClosed = dialect.next(after: reply) == .close
        return .answer(Answer(reply), Complaint(agency: agency, bets: bets, reason: reason))
    }
}
