import Connections
import DequeModule
import Dialects
import Domain
import Identity
import Ledger
import Logging
import NIOConcurrencyHelpers
import Shell
import WireProtocol

/// A connection to the ingest port, shared by its event loop, the workers and the committer.
///
/// Fields and their guards:
/// - `inbox`: its lock. The event loop appends; the worker that has the turn takes.
/// - `session`: its lock, never contended. The worker that has the turn uses it, and `Inbox.isQueued` allows one turn
///   at a time; the event loop uses it only while there is no turn.
/// - `binding`: its lock. The thread that uses the session binds the connection, once; the event loop releases it.
final class IngestConnection: Sendable {
    private struct Inbox: Sendable {
        var events: Deque<ConnectionEvent> = []
        /// Whether the connection is queued or has its turn.
        var isQueued = false
    }

    private struct Binding: Sendable {
        var draw: OpenDraw?
        /// Whether the socket is closed; a draw is kept in use by open connections only.
        var isClosed = false
    }

    let peer: String
    let origin: String
    private let port: IngestPort
    private let answers: any AnswerSink
    private let inbox = NIOLockedValueBox(Inbox())
    private let session: NIOLockedValueBox<any IngestSession>
    private let binding = NIOLockedValueBox(Binding())

    /// - Parameter key: of the client's certificate.
    init(peer: String, port: IngestPort, answers: any AnswerSink, key: SecretDigest? = nil) {
        self.peer = peer
        self.port = port
        self.answers = answers
        session = NIOLockedValueBox(port.session(address: Self.address(of: peer), key: key))
        origin = port.dialect.map { "\($0.name) \(Self.address(of: peer))" } ?? ""
    }
}

// MARK: - The event loop

extension IngestConnection {
    /// Handles an event of an unknown peer, whose answer depends on nothing else.
    ///
    /// - Returns: false if a worker must handle the event.
    func handleImmediately(_ event: ConnectionEvent) -> Bool {
        guard inbox.withLockedValue({ !$0.isQueued }) else { return false }
        let desk = port.desk
        let request = session.withLockedValue { session -> Request?? in
            guard session.isImmediate(event) else { return nil }
            return .some(session.receive(event, today: desk.today))
        }
        guard let request else { return false }
        if let request { _ = perform(request) }
        return true
    }

    /// Stages a request at the connection's draw, or answers it at once on a connection without one.
    ///
    /// - Returns: whether the turn ends here.
    private func perform(_ request: Request) -> Bool {
        if let draw = binding.withLockedValue(\.draw) ?? bind() { return draw.committer.stage(request, from: self) }
        switch request {
        case .answer(let decision), .leave(_, let decision):
            deliver(decision)
            log(decision)
        case .consult(let draw, let agency, _, let waits):
            deliver(.consult(draw, agency, waits: waits))
        case .askDrawn:
            deliver(.askDrawn(nil))
        case .join, .chunk, .unnumberedChunk, .finish:
            // The draw was retired since the session found it.
            let decision = Decision.failed(.drawClosed, "the draw is closed")
            deliver(decision)
            log(decision)
        }
        return true
    }

    /// Binds the connection to the draw that its session has chosen; nil if it has not.
    private func bind() -> OpenDraw? {
        guard let id = session.withLockedValue({ $0.draw?.draw }), let bound = port.desk.draws.bind(id) else {
            return nil
        }
        let isClosed = binding.withLockedValue { binding in
            binding.draw = bound
            return binding.isClosed
        }
        if isClosed { bound.unbind() }
        return bound
    }

    /// Releases the draw when the socket is closed.
    func didClose() {
        let draw = binding.withLockedValue { binding -> OpenDraw? in
            defer { binding.isClosed = true }
            return binding.isClosed ? nil : binding.draw
        }
        draw?.unbind()
    }

    /// Appends an event.
    ///
    /// - Returns: whether the caller must queue the connection: it was not queued yet.
    func append(_ event: ConnectionEvent) -> Bool {
        inbox.withLockedValue { inbox in
            inbox.events.append(event)
            defer { inbox.isQueued = true }
            return !inbox.isQueued
        }
    }
}

// MARK: - The worker that has the turn

extension IngestConnection {
    /// Returns whether the turn ends here, or later when the committer has answered (``finishTurn()``).
    func takeTurn() -> Bool {
        guard let event = inbox.withLockedValue({ $0.events.popFirst() }) else { return true }
        let today = port.desk.today
        guard let request = session.withLockedValue({ $0.receive(event, today: today) }) else { return true }
        return perform(request)
    }

    /// Returns whether there are more events: then the caller must queue the connection again.
    func endTurn() -> Bool {
        inbox.withLockedValue { inbox in
            inbox.isQueued = !inbox.events.isEmpty
            return inbox.isQueued
        }
    }
}

// MARK: - The committer thread, and the main thread for parked consultations

extension IngestConnection: Requester {
    var address: Substring { Self.address(of: peer) }

    private static func address(of peer: String) -> Substring { peer[..<(peer.lastIndex(of: ":") ?? peer.endIndex)] }

    var isOneMessagePerConnection: Bool { port.dialect?.isOneMessagePerConnection == true }

    func deliver(_ decision: Decision) {
        switch decision {
        case .consult(let draw, let agency, let waits):
            let consultations = port.desk.draws.consultations(of: draw)
            return answerConsultation(consultations?.consult(agency, from: self, waits: waits) ?? .notDrawnYet)
        case .askDrawn(let draw):
            return answerConsultation(.drawn(port.desk.draws.isDrawn(draw)))
        case .left:
            port.desk.draws.leaveConsultations(self)
        default:
            break
        }
        let answer =
            if let dialect = port.dialect { Answer(decision, dialect: dialect) } else {
                Answer(decision, limits: port.desk.limits)
            }
        if let answer { answers.send(answer) }
    }

    func answerConsultation(_ decision: Decision) {
        let decision = disclosed(decision)
        deliver(decision)
        log(decision)
    }

    /// Replaces winners by a denial if the roster has changed since the question: names go to nobody else.
    private func disclosed(_ decision: Decision) -> Decision {
        guard case .winners(let agency, _, _, _) = decision, let dialect = port.dialect else { return decision }
        let peer = Peer(address: PeerAddress(address), dialect: dialect.name)
        do throws(AgencyGate.Denial) {
            _ = try port.desk.gate.admit(agency, Proof(peer), on: port.desk.today)
            return decision
        } catch {
            return .denied(agency, reason: error.reason)
        }
    }

    func log(_ decision: Decision) {
        let log = port.desk.log
        switch decision {
        case .stored(let chunk):
            guard log.writesSuccess else { return }
            log(.betsReceived(count: chunk.count, agency: chunk.agency, sequence: chunk.sequence))
        default:
            if let event = line(of: decision) { log(event) }
        }
    }

    func finishTurn() {
        if endTurn() { port.desk.queue.put([self]) }
    }
}

extension IngestConnection {
    private func line(of decision: Decision) -> Shell.LogEvent? {
        let isNative = port.dialect == nil
        return switch decision {
        case .joined(let joined):
            .agencyJoined(joined.agency, peer: peer, nextSequence: joined.standing.nextSequence)
        case .superseded(let agency):
            .agencySuperseded(agency, peer: peer)
        case .reconnected(let agency, let storedBets, let kind):
            .agencyReconnected(
                agency, peer: peer, storedBets: storedBets,
                level: kind == .usual ? .debug : kind == .likely ? .info : .warning)
        case .storedBet(let bet):
            .betStored(document: bet.document, number: bet.number)
        case .rejected(let chunk, let rejection):
            .betsRejected(
                count: chunk.count, agency: chunk.agency, sequence: chunk.sequence, reason: rejection.message)
        case .notRecorded(let chunk), .gap(let chunk):
            isNative
                ? .betsRejected(
                    count: chunk.count, agency: chunk.agency, sequence: chunk.sequence, reason: chunk.reason)
                : .dialectChunkRejected(count: chunk.count, agency: chunk.agency, peer: peer, reason: chunk.reason)
        case .invalid(let message):
            if let bets = message.bets {
                .dialectChunkRejected(count: bets, agency: message.agency, peer: peer, reason: message.reason)
            } else {
                .messageFailed(peer: peer, reason: message.reason)
            }
        case .denied(let agency, let reason):
            .denied(agency, peer: peer, reason: reason)
        case .failed(_, let reason), .expired(_, let reason), .endRejected(let reason, _):
            .messageFailed(peer: peer, reason: reason)
        case .winners(let agency, _, let entry, _):
            if expresses(entry) {
                .winnersConsulted(count: Int(entry.winners), agency: agency)
            } else {
                .messageFailed(peer: peer, reason: "this dialect cannot express the winners of agency \(agency)")
            }
        case .parkedEndRejected(let reason), .winnersUnreadable(let reason):
            .messageFailed(peer: peer, reason: reason)
        case .lateUnlisted(let agency):
            .messageFailed(peer: peer, reason: "a late chunk of agency \(agency) cannot be listed")
        default:
            nil
        }
    }

    private func expresses(_ entry: WinnersEntry) -> Bool {
        port.dialect?.winnersForm(
            count: entry.winners, documentsBytes: entry.documentsBytes, areIntegers: entry.areIntegers) != nil
    }
}
