import NIOConcurrencyHelpers
import Shared

/// The consultations of agencies of dialects, which ask where they send: before the draw they are parked here, without a
/// thread, and answered all at once.
///
/// Isolation: the committer thread asks, so that an answer comes behind those before it; the main thread publishes; a lock
/// between them.
final class DialectConsultations: Sendable {
    private struct State: Sendable {
        var winners: [AgencyID: [String]]?
        /// A connection that asked twice is answered twice.
        var parked: [ObjectIdentifier: [(connection: IngestConnection, agency: AgencyID)]] = [:]
    }

    private let state = NIOLockedValueBox(State())
    private let log: EventLog

    init(log: EventLog) {
        self.log = log
    }

    /// The draw is published: answers everybody who waits.
    func publish(_ result: DrawResult) {
        let winners = Dictionary(uniqueKeysWithValues: result.agencies.map { ($0.agency, $0.winners) })
        let waiting = state.withLockedValue { state in
            state.winners = winners
            defer { state.parked.removeAll() }
            return state.parked
        }
        for (connection, agency) in waiting.values.joined() { answer(winners[agency] ?? [], agency, connection) }
    }

    /// Answers a consultation, or parks its connection.
    func consult(_ agency: AgencyID, from connection: IngestConnection, waits: Bool) {
        let winners = state.withLockedValue { state -> [AgencyID: [String]]? in
            if state.winners == nil, waits {
                state.parked[ObjectIdentifier(connection), default: []].append((connection, agency))
            }
            return state.winners
        }
        if let winners {
            answer(winners[agency] ?? [], agency, connection)
        } else if !waits {
            connection.answers.send(Answer(reply: .notDrawnYet))
        }
    }

    func askDrawn(from connection: IngestConnection) {
        connection.answers.send(Answer(reply: .drawn(state.withLockedValue { $0.winners != nil })))
    }

    /// A connection has gone.
    func leave(_ connection: IngestConnection) {
        _ = state.withLockedValue { $0.parked.removeValue(forKey: ObjectIdentifier(connection)) }
    }

    private func answer(_ documents: [String], _ agency: AgencyID, _ connection: IngestConnection) {
        connection.answers.send(Answer(reply: .winners(documents)))
        log(.winnersConsulted(count: documents.count, agency: agency))
    }
}
