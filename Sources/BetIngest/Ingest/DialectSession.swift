import Connections
import Dialects
import Domain
import WireProtocol

/// The state of a dialect's connection.
struct DialectSession: IngestSession {
    private let dialect: any Dialect
    private let agencies: UInt32
    private var hasSpoken = false
    /// The agency whose chunks arrived on this connection.
    private var agency: AgencyID?
    /// Whether the agency has finished on this connection.
    private var hasFinished = false
    /// Whether the last chunk was rejected and may have been cut short.
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
                let reason = "the message is longer than its length header: the header must count bytes, not characters"
                return receive(.badChunk(nil, BadChunk(count: 1, badBets: 1, reason: reason)))
            }
            return receive(dialect.request(frame.bytes, today: today), frame.reservation)
        }
    }

    mutating func receive(_ request: DialectRequest, _ reservation: Reservation? = nil) -> Request? {
        if isClosed { return nil }
        if case .unknown(let reason) = request {
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
            // Rejected bets also name the agency: an END that follows is this agency's.
            if fault(of: named) == nil { agency = agency ?? named }
            return reject(named ?? agency, bets: chunk.count, bad: chunk.badBets, reason: chunk.reason)
        case .finish(let named):
            if let fault = fault(of: named) { return reject(named, reason: fault) }
            agency = named ?? agency
            hasFinished = true
            return .finish(agency)
        case .consult(let named, let consultation):
            guard let agency = named ?? agency else {
                return reject(reason: "the message names no agency, and no bets arrived on this connection")
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

    /// Returns nil if the message is valid on this connection.
    private func fault(of named: AgencyID?) -> String? {
        guard let named else { return nil }
        if let fault = named.fault(agencies: agencies) { return fault }
        if let agency, agency != named { return "agency \(named) on a connection of agency \(agency)" }
        return nil
    }

    private mutating func reject(
        _ agency: AgencyID? = nil, bets: Int? = nil, bad: Int = 0, reason: String
    ) -> Request {
        // Later bets must not be stored, because their answer could not be sent.
        isClosed = dialect.next(after: .rejected(badBets: bad, reason: reason)) == .close
        return .answer(.invalid(InvalidMessage(agency: agency, bets: bets, badBets: bad, reason: reason)))
    }
}
