import Connections
import Dialects
import Domain
import Identity
import WireProtocol

/// The state of a dialect's connection: its draw, its agency, and whether the agency has finished.
///
/// The first bets or the first END bind it to a draw.
struct DialectSession: IngestSession {
    private let dialect: any Dialect
    private let draws: any DrawLookup
    private let gate: AgencyGate
    private let peer: Peer
    /// For ``agency``; nil without a roster.
    private var pass: AgencyGate.Pass?
    private(set) var draw: DrawEntry?
    /// Whether a frame has arrived.
    private var hasSpoken = false
    /// The agency whose chunks arrived on this connection.
    private var agency: AgencyID?
    /// Whether the agency has finished on this connection.
    private var hasFinished = false
    /// Whether the last chunk was rejected and may have been cut short.
    private var mayRestFollow = false
    /// Final: later events are dropped.
    private var isClosed = false

    init(_ dialect: any Dialect, draws: any DrawLookup, gate: AgencyGate = AgencyGate(), peer: Peer = Peer()) {
        self.dialect = dialect
        self.draws = draws
        self.gate = gate
        self.peer = peer
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
                return receive(.badChunk(nil, BadChunk(count: 1, badBets: 1, reason: reason)), today: today)
            }
            return receive(dialect.request(frame.bytes, today: today), today: today, frame.reservation)
        }
    }

    mutating func receive(
        _ request: DialectRequest, today: Birthdate, _ reservation: Reservation? = nil
    ) -> Request? {
        if isClosed { return nil }
        if case .unknown(let reason) = request {
            return mayRestFollow ? .answer(.restOfRejected) : reject(reason: reason)
        }
        mayRestFollow = false
        do throws(AgencyGate.Denial) {
            try admit(request, on: today)
        } catch {
            isClosed = true
            return .leave(agency, .denied(request.agency ?? agency, reason: error.reason))
        }
        if draw == nil, request.needsDraw {
            switch draws.draw(ofDialect: dialect.name) {
            case .success(let entry): draw = entry
            case .failure(let unavailable): return reject(bets: request.betCount, reason: unavailable.reason)
            }
        }
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
            guard let entry = draw ?? draws.draw(consultedBy: agency) else {
                return reject(agency, reason: "no draw is open")
            }
            if let fault = fault(of: agency, agencies: entry.agencies) { return reject(agency, reason: fault) }
            hasFinished = hasFinished || consultation.finishes
            let waits = consultation.wait == .always || consultation.wait == .afterFinish && hasFinished
            return .consult(entry.draw, agency, finishes: consultation.finishes, waits: waits)
        case .askDrawn:
            return .askDrawn
        case .echo(let bytes):
            return .answer(.echo(bytes))
        case .unknown(let reason):
            return reject(reason: reason)
        }
    }

    /// Checks that the peer may act for the agency of a request.
    private mutating func admit(_ request: DialectRequest, on today: Birthdate) throws(AgencyGate.Denial) {
        if case .echo = request { return }
        guard let named = request.agency ?? agency else { return try gate.admit(nameless: peer, on: today) }
        if named == agency, pass != nil {
            try gate.check(&pass, on: today)
        } else {
            pass = try gate.admit(named, Proof(peer), on: today)
        }
    }

    /// Returns the reason that a message of an agency is invalid on this connection; nil if it is valid.
    private func fault(of named: AgencyID?, agencies: DrawAgencies? = nil) -> String? {
        guard let named else { return nil }
        if let agencies = agencies ?? draw?.agencies, let fault = agencies.fault(of: named) { return fault }
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

extension DialectRequest {
    /// Whether the request changes a draw, so that its connection must be bound to one.
    fileprivate var needsDraw: Bool {
        switch self {
        case .chunk, .badChunk, .finish: true
        case .consult(_, let consultation): consultation.finishes
        case .askDrawn, .echo, .unknown: false
        }
    }

    /// The agency that the request names.
    fileprivate var agency: AgencyID? {
        switch self {
        case .chunk(let agency, _), .badChunk(let agency, _), .finish(let agency), .consult(let agency, _): agency
        case .askDrawn, .echo, .unknown: nil
        }
    }

    /// The bets of a chunk; nil for other requests.
    fileprivate var betCount: Int? {
        switch self {
        case .chunk(_, let chunk): chunk.count
        case .badChunk(_, let chunk): chunk.count
        case .finish, .consult, .askDrawn, .echo, .unknown: nil
        }
    }
}
