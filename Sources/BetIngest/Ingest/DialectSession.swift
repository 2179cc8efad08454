import Connections
import Dialects
import Domain
import WireProtocol

/// A connection of a dialect: which agency sends on it, and whether that has finished.
struct DialectSession: IngestSession {
    private let dialect: any Dialect
    private let agencies: UInt32
    /// Whether a frame has arrived.
    private var hasSpoken = false
    /// The agency whose chunks arrived on this connection.
    private var agency: AgencyID?
    /// Whether the agency has said here that it has finished.
    private var hasFinished = false
    /// Whether the last chunk was rejected and may have been cut short: then bytes that are not a message are its rest.
    private var mayRestFollow = false
    /// Final: later events are dropped.
    private var isClosed = false

    init(_ dialect: any Dialect, agencies: UInt32) {
        self.dialect = dialect
        self.agencies = agencies
    }

    func isImmediate(_ event: ConnectionEvent) -> Bool {
        if case .frame = event { return false }
        return !hasSpoken
    }

    mutating func receive(_ event: ConnectionEvent, today: Birthdate) -> Request? {
        switch event {
        case .ended:
            isClosed = true
            return .leave(agency, .left)
        case _ where isClosed:
            return nil
        case .expired(let reason):
            isClosed = true
            return .answer(.expired(agency, reason))
        case .invalidFrame(let fault):
            isClosed = true
            return .answer(.invalid(InvalidMessage(agency: agency, reason: "\(fault)", isFinal: true)))
        case .frame(let frame):
            hasSpoken = true
            if frame.isCutShort {
                let reason = "the message is longer than its length says: it must count bytes, not characters"
                return receive(.badChunk(nil, BadChunk(count: 1, badBets: 1, reason: reason)))
            }
            return receive(dialect.request(frame.bytes, today: today), frame.reservation)
        }
    }

    /// Takes what the dialect has read from a frame.
    mutating func receive(_ request: DialectRequest, _ reservation: Reservation? = nil) -> Request? {
        if isClosed { return nil }
        if case .unknown(let reason) = request {
            // The rest of a chunk that was answered already.
            return mayRestFollow ? .answer(.restOfRejected) : reject(reason: reason)
        }
        mayRestFollow = false
        switch request {
        case .chunk(let named, let chunk):
            if let fault = fault(of: named) { return reject(named, bets: chunk.count, bad: chunk.count, reason: fault) }
            agency = named ?? agency
            guard let agency, chunk.count > 0 || chunk.isLast else {
                return .answer(.nothingToRecord(isLast: false))
            }
            return .unnumberedChunk(CheckedChunk(chunk, fault: nil, reservation), agency)
        case .badChunk(let named, let chunk):
            mayRestFollow = chunk.mayHaveRest
            // The agency of rejected bets is known all the same: an END that follows is this agency's.
            if fault(of: named) == nil { agency = agency ?? named }
            return reject(named ?? agency, bets: chunk.count, bad: chunk.badBets, reason: chunk.reason)
        case .finish(let named):
            if let fault = fault(of: named) { return reject(named, reason: fault) }
            agency = named ?? agency
            hasFinished = true
            return .finish(agency)
        case .consult(let named, let consultation):
            guard let agency = named ?? agency else {
                return reject(reason: "no bets came on this connection: whose winners?")
            }
            if let fault = fault(of: agency) { return reject(agency, reason: fault) }
            hasFinished = hasFinished || consultation.finishes
            let waits = consultation.wait == .always || consultation.wait == .afterFinish && hasFinished
            return .consult(agency, finishes: consultation.finishes, waits: waits)
        case .askDrawn:
            return .askDrawn
        case .echo(let bytes):
            return .answer(.echo(bytes))
        case .unknown(let reason):
            return reject(reason: reason)
        }
    }

    /// The reason that a message of this agency does not belong here; nil if it does.
    private func fault(of named: AgencyID?) -> String? {
        guard let named else { return nil }
        if let fault = named.fault(agencies: agencies) { return fault }
        if let agency, agency != named { return "agency \(named) on a connection of agency \(agency)" }
        return nil
    }

    private mutating func reject(
        _ agency: AgencyID? = nil, bets: Int? = nil, bad: Int = 0, reason: String
    ) -> Request {
        // Bytes that follow must not be stored, because their answer could not be sent.
        isClosed = dialect.next(after: .rejected(badBets: bad, reason: reason)) == .close
        return .answer(.invalid(InvalidMessage(agency: agency, bets: bets, badBets: bad, reason: reason)))
    }
}
