import Connections
import Dialects
import Domain
import Identity
import NIOCore
import WireProtocol

/// A connection to the winners' port, whose questions are answered on its event loop from the published files.
///
/// Nothing here blocks for long, so a queue and workers would only add a hand-over each way (docs/adr/0007).
///
/// Isolation: its event loop only.
final class ConsultChannel: FramedConnectionDelegate {
    private(set) var agency: AgencyID?
    /// The draw of the parked question; nil: the one published next.
    private(set) var draw: DrawID?
    /// Nil if no question is parked.
    var parkedUntil: NIODeadline?
    let dialect: (any Dialect)?
    private var resolveDeadline = NIODeadline.distantFuture
    private static let denial = Message.error(.notAuthorized, EntryFault.answer).encoded[...]
    /// The time in which the files say that an agency has finished, after its last chunk was acknowledged.
    private static let resolveTime = TimeAmount.seconds(1)
    private let loop: ConsultLoop
    private let peer: String
    private let handler: FramedChannelHandler
    private var session: ConsultSession

    static func handler(
        loop: ConsultLoop, session: ConsultSession, peer: String, settings: FramedSettings, dialect: (any Dialect)?,
        slot: ConnectionSlot?, since: NIODeadline? = nil
    ) -> FramedChannelHandler {
        let handler = FramedChannelHandler(loop: loop.connections, settings: settings, slot: slot, since: since)
        handler.setDelegate(
            ConsultChannel(loop: loop, handler: handler, session: session, peer: peer, dialect: dialect))
        return handler
    }

    private init(
        loop: ConsultLoop, handler: FramedChannelHandler, session: ConsultSession, peer: String,
        dialect: (any Dialect)?
    ) {
        self.loop = loop
        self.handler = handler
        self.session = session
        self.peer = peer
        self.dialect = dialect
    }

    func receive(_ frame: Frame) {
        if let dialect {
            // No bets are taken on this port, so the date against which birthdates are checked does not matter.
            perform(
                session.receive(
                    dialect.request(frame.bytes, today: Limits.minBirthdate), draws: loop.draws, today: loop.today))
            return
        }
        do throws(MessageFault) {
            perform(session.receive(.message(try Message(frame: frame.bytes)), draws: loop.draws, today: loop.today))
        } catch {
            perform(session.receive(.malformed(error), draws: loop.draws, today: loop.today))
        }
    }

    func receive(_ fault: FrameFault) {
        perform(session.receive(.badFrame(fault), draws: loop.draws, today: loop.today))
        handler.flush()
    }

    func expire(_ reason: String) {
        perform(session.receive(.expired(reason), draws: loop.draws, today: loop.today))
        handler.flush()
    }

    /// Closes the connection; earlier questions have been answered.
    ///
    /// A connection with a parked question is closed at once: an agency that only ended its output cannot be
    /// distinguished from a disconnected one.
    func endInput() {
        if parkedUntil != nil { handler.closeNow() } else { handler.finish() }
    }

    func close() {
        loop.unpark(self)
    }

    func fail(_ fault: WinnersFault) {
        loop.report(fault, agency: agency)
    }

    private func perform(_ action: ConsultSession.Action) {
        switch action {
        case .welcome(let agency, let draw):
            self.agency = agency
            handler.setKnown(isProven: false)
            collect(.shared(loop.welcome(agency, draw)))
        case .close:
            collect(.bytes([]), .afterLast)
        case .consult(let agency, let draw, let waitMilliseconds):
            self.agency = agency
            self.draw = draw ?? (dialect == nil ? loop.draws.draw(consultedBy: agency) : nil)
            if dialect == nil || draw != nil {
                consult(agency, waitMilliseconds)
            } else {
                keepUnresolved(agency)
            }
        case .fail(let code, let text):
            // A dialect cannot express a native error message: the connection is just closed.
            collect(.bytes(dialect == nil ? Message.error(code, text).encoded[...] : []), .afterLast)
        case .deny(let agency, let reason):
            loop.report(denied: agency, peer: peer, reason: reason)
            collect(.bytes(dialect == nil ? Self.denial : []), .afterLast)
        case .ignore:
            collect(.bytes([]))
        }
    }

    private func consult(_ agency: AgencyID, _ waitMilliseconds: UInt32?) {
        switch loop.outcome(agency, draw, dialect: dialect) {
        case .answer(let answer):
            collect(answer, dialect == nil ? .none : .afterLast)
        case .unreadable:
            collect(.bytes([]), .afterLast)
        case .void(let text):
            perform(.fail(.drawVoid, text))
        case .notPublished where waitMilliseconds == 0 && !loop.mustLoad(draw):
            collect(.shared(loop.notDrawnYet(draw)))
        case .notPublished:
            loop.park(self, waitMilliseconds: waitMilliseconds)
            handler.park()
        }
    }

    /// Parks a dialect's question, and answers it as soon as it is known which draw it means.
    private func keepUnresolved(_ agency: AgencyID) {
        resolveDeadline = loop.connections.now + Self.resolveTime
        parkedUntil = .distantFuture
        handler.park()
        loop.keepUnresolved(self)
        resolve(isLastAttempt: false)
    }

    func isResolveDue(_ now: NIODeadline) -> Bool { resolveDeadline <= now }

    /// Finds the draw of a dialect's question; the last attempt takes the one that any agency would get.
    func resolve(isLastAttempt: Bool) {
        guard let agency else { return }
        let found = loop.draws.draw(askedByDialectFor: agency, isLastAttempt: isLastAttempt)
        guard found != nil || isLastAttempt else { return }
        loop.forgetUnresolved(self)
        draw = found
        switch loop.outcome(agency, draw, dialect: dialect) {
        case .answer(let answer): answerParked(answer)
        case .unreadable: answerParked(nil)
        case .void(let text): failParked(.drawVoid, text)
        case .notPublished: loop.park(self, waitMilliseconds: nil)
        }
    }

    /// Ends the parked question if the roster does not let the peer in any more.
    ///
    /// - Returns: whether it did.
    func denyParked() -> Bool {
        guard let agency, let reason = session.denial(on: loop.today) else { return false }
        loop.report(denied: agency, peer: peer, reason: reason)
        failParked(.notAuthorized, EntryFault.answer)
        return true
    }

    /// Ends the parked question with an error, and closes the connection.
    func failParked(_ code: ErrorCode, _ text: String) {
        parkedUntil = nil
        _ = handler.collect(
            .bytes(dialect == nil ? Message.error(code, text).encoded[...] : []), .afterLast, wasParked: true)
        handler.flush()
    }

    /// Answers the parked question.
    ///
    /// Without an answer, because the winners cannot be read, the connection is closed and the agency asks again.
    func answerParked(_ answer: FramedAnswer?) {
        parkedUntil = nil
        let ending = dialect == nil && answer != nil ? AnswerOutput.Ending.none : .afterLast
        _ = handler.collect(answer ?? .bytes([]), ending, wasParked: true)
        handler.flush()
    }

    private func collect(_ answer: FramedAnswer, _ ending: AnswerOutput.Ending = .none) {
        _ = handler.collect(answer, ending)
    }
}
