import Connections
import Dialects
import Domain
import NIOCore
import WireProtocol

/// A connection to the winners' port, whose questions are answered on its event loop from the published files.
///
/// Nothing here blocks for long, so a queue and workers would only add a hand-over each way (docs/adr/0007).
///
/// Isolation: its event loop only.
final class ConsultChannel: FramedConnectionDelegate {
    private(set) var agency: AgencyID?
    /// Nil if no question is parked.
    var parkedUntil: NIODeadline?
    let dialect: (any Dialect)?
    private let loop: ConsultLoop
    private let handler: FramedChannelHandler
    private var session: ConsultSession

    static func handler(
        loop: ConsultLoop, session: ConsultSession, settings: FramedSettings, dialect: (any Dialect)?,
        slot: ConnectionSlot?
    ) -> FramedChannelHandler {
        let handler = FramedChannelHandler(loop: loop.connections, settings: settings, slot: slot)
        handler.setDelegate(ConsultChannel(loop: loop, handler: handler, session: session, dialect: dialect))
        return handler
    }

    private init(
        loop: ConsultLoop, handler: FramedChannelHandler, session: ConsultSession, dialect: (any Dialect)?
    ) {
        self.loop = loop
        self.handler = handler
        self.session = session
        self.dialect = dialect
    }

    func receive(_ frame: Frame) {
        if let dialect {
            // No bets are taken on this port, so the date against which birthdates are checked does not matter.
            perform(session.receive(dialect.request(frame.bytes, today: Limits.minBirthdate), agencies: loop.agencies))
            return
        }
        do throws(MessageFault) {
            perform(session.receive(.message(try Message(frame: frame.bytes)), agencies: loop.agencies))
        } catch {
            perform(session.receive(.malformed(error), agencies: loop.agencies))
        }
    }

    func receive(_ fault: FrameFault) {
        perform(session.receive(.badFrame(fault), agencies: loop.agencies))
        handler.flush()
    }

    func expire(_ reason: String) {
        perform(session.receive(.expired(reason), agencies: loop.agencies))
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
        case .welcome(let agency):
            self.agency = agency
            handler.setKnown(isProven: false)
            collect(.shared(loop.welcome(agency)))
        case .close:
            collect(.bytes([]), .afterLast)
        case .consult(let agency, let waitMilliseconds):
            self.agency = agency
            consult(agency, waitMilliseconds)
        case .fail(let code, let text):
            // A dialect cannot express a native error message: the connection is just closed.
            collect(.bytes(dialect == nil ? Message.error(code, text).encoded[...] : []), .afterLast)
        case .ignore:
            collect(.bytes([]))
        }
    }

    private func consult(_ agency: AgencyID, _ waitMilliseconds: UInt32?) {
        if let answer = loop.winners(agency, dialect: dialect) {
            collect(answer, dialect == nil ? .none : .afterLast)
        } else if loop.isPublished {
            collect(.bytes([]), .afterLast)
        } else if waitMilliseconds == 0 {
            collect(.shared(loop.notDrawnYet))
        } else {
            loop.park(self, waitMilliseconds: waitMilliseconds)
            handler.park()
        }
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
