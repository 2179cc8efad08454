import AgencyLanguages
import Dialects
import Domain
import TestKit

/// An agency of a dialect: waits for each answer, and repeats unanswered messages.
final class SimulatedDialectAgency: SimulatedAgency {
    private enum Phase {
        case sending
        case finishing
        case consulting
        case done
    }

    private let id: AgencyID
    private let planned: [LedgerAuditor.Planned]
    private let dialect: any Dialect
    private var language: any AgencyLanguage
    private(set) var connection: SimulatedConnection?
    private var phase = Phase.sending
    /// The index of the chunk to send next, or of the one in flight.
    private var next = 0
    private var question: AgencyQuestion?

    var isDone: Bool { phase == .done }
    var state: String { "\(language.name) \(id) \(phase), chunk \(next), \(connection?.state ?? "-")" }

    init(_ id: AgencyID, _ planned: [LedgerAuditor.Planned], _ pair: DialectPair) {
        self.id = id
        self.planned = planned
        dialect = pair.dialect
        language = pair.language
    }

    func hangUp() {
        connection = nil
        question = nil
        // Programs whose END names no agency repeat their last chunk to bind the new connection.
        let isNameless = end(agency: "1") == end(agency: "2")
        if isNameless, phase == .finishing || phase == .consulting {
            phase = .sending
            next = planned.lastIndex { !$0.isBad } ?? 0
        }
    }

    private func end(agency: String) -> [UInt8] {
        var language = language
        return language.finish(agency: agency) ?? language.consult(agency: agency)
    }

    func step(_ draw: SimulatedDraw) {
        guard phase != .done else { return }
        guard let connection else {
            let isConsulting = phase == .consulting && language.hasWinnersPort
            self.connection =
                isConsulting ? draw.connectWinners(dialect) : draw.connectIngest(dialect, agency: id)
            return
        }
        guard let question else {
            ask(on: connection, draw)
            return
        }
        switch language.reply(connection.received, to: question) {
        case .reply(let reply, let byteCount):
            connection.take(byteCount)
            draw.trace("\(id) \(language.name) \(reply)")
            self.question = nil
            receive(reply, draw)
            if language.isOneMessagePerConnection { leave() }
        case .invalid:
            draw.auditor.told(id, ["not an answer of \(language.name): \(connection.received)"])
            hangUp()
        case .needsBytes:
            guard connection.isEnded else { return }
            let wasRejected = phase == .sending && planned[next].isBad && language.rejectionCloses
            hangUp()
            if wasRejected { advance() }
        }
    }

    private func leave() {
        connection?.endInput()
        connection = nil
        question = nil
    }

    private func ask(on connection: SimulatedConnection, _ draw: SimulatedDraw) {
        let agency = "\(id)"
        switch phase {
        case .sending:
            draw.auditor.attempted(id, chunk: next)
            connection.send(language.chunk(planned[next].bets.map(\.row), agency: agency, isLast: false))
            question = .chunk
        case .finishing:
            guard let bytes = language.finish(agency: agency) else {
                phase = .consulting
                return
            }
            connection.send(bytes)
            question = .finish
        case .consulting:
            connection.send(language.consult(agency: agency))
            question = .consult
        case .done:
            break
        }
    }

    private func receive(_ reply: AgencyReply, _ draw: SimulatedDraw) {
        switch (phase, reply) {
        case (.sending, .stored):
            draw.auditor.acknowledged(id, chunk: next)
            advance()
        case (.sending, .rejected):
            // The chunk is bad, or the agency had finished before its connection broke.
            advance()
        case (.finishing, .finished):
            phase = .consulting
            if language.hasWinnersPort { leave() }
        case (.finishing, .rejected):
            hangUp()
        case (.consulting, .winners(let documents)):
            draw.auditor.told(id, documents)
            phase = .done
            connection?.endInput()
        case (.consulting, .notDrawnYet):
            break
        case (.consulting, .rejected):
            hangUp()
        default:
            draw.auditor.told(id, ["\(language.name) answered \(reply)"])
        }
    }

    private func advance() {
        next += 1
        if next == planned.count {
            next = planned.count - 1
            phase = .finishing
        }
    }
}

extension Bet {
    /// The fields as text.
    var row: [String] { [firstName, lastName, document, "\(birthdate)", "\(number)"] }
}
