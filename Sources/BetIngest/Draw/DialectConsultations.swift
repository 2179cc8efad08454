import Connections
import Dialects
import Domain
import Ledger
import NIOConcurrencyHelpers
import Shell
import Storage

/// The consultations of agencies of dialects, which ask on the port on which they send: before the draw they are parked
/// here, without a thread, and answered when it is published.
///
/// Isolation: the committer thread asks, so that an answer follows those before it; the main thread publishes; a lock
/// between them.
final class DialectConsultations: Sendable {
    private struct Parked: Sendable {
        var connection: IngestConnection
        var agency: AgencyID
    }

    private struct State: Sendable {
        var winners: WinnersFile?
        /// A connection that asked twice is answered twice.
        var parked: [ObjectIdentifier: [Parked]] = [:]
        var parkedOfAgency: [AgencyID: Int] = [:]
    }

    /// Consultations that may be parked for one agency: anybody may ask for it, and each keeps a connection.
    private static let maxParkedPerAgency = 64

    private let state = NIOLockedValueBox(State())
    private let log: EventLog

    init(log: EventLog) {
        self.log = log
    }

    /// The draw is published: answers every parked consultation.
    func publish(_ published: PublishedDraw) {
        let waiting = state.withLockedValue { state in
            state.winners = published.winners
            defer {
                state.parked.removeAll()
                state.parkedOfAgency.removeAll()
            }
            return state.parked
        }
        for parked in waiting.values.joined() {
            answer(published.winners, parked.agency, parked.connection, wasParked: true)
        }
    }

    /// Answers a consultation, or parks it.
    func consult(_ agency: AgencyID, from connection: IngestConnection, waits: Bool) {
        let (winners, isParked) = state.withLockedValue { state -> (WinnersFile?, Bool) in
            guard state.winners == nil, waits, state.parkedOfAgency[agency, default: 0] < Self.maxParkedPerAgency else {
                return (state.winners, false)
            }
            state.parked[ObjectIdentifier(connection), default: []].append(
                Parked(connection: connection, agency: agency))
            state.parkedOfAgency[agency, default: 0] += 1
            return (nil, true)
        }
        if let winners {
            answer(winners, agency, connection, wasParked: false)
        } else {
            connection.answers.send(Answer(isParked ? .parked : .reply(.notDrawnYet)))
        }
    }

    func askDrawn(from connection: IngestConnection) {
        connection.answers.send(Answer(.drawn(state.withLockedValue { $0.winners != nil })))
    }

    /// A connection has gone.
    func leave(_ connection: IngestConnection) {
        state.withLockedValue { state in
            for parked in state.parked.removeValue(forKey: ObjectIdentifier(connection)) ?? [] {
                state.parkedOfAgency[parked.agency, default: 1] -= 1
            }
        }
    }

    /// Looking an agency up is a read of 48 bytes that the page cache holds.
    private func answer(_ file: WinnersFile, _ agency: AgencyID, _ connection: IngestConnection, wasParked: Bool) {
        do throws(DiskError) {
            let entry = try file.entry(agency)
            guard let stream = WinnersStream(file, entry, dialect: connection.dialect) else {
                log(
                    .messageFailed(
                        peer: connection.peer, reason: "this dialect has no words for the winners of agency \(agency)"))
                connection.answers.send(Answer(.nothing, closes: true))
                return
            }
            connection.answers.send(Answer(.winners(stream), wasParked: wasParked))
            log(.winnersConsulted(count: Int(entry.winners), agency: agency))
        } catch {
            log(.messageFailed(peer: connection.peer, reason: "its winners cannot be read: \(error)"))
            connection.answers.send(Answer(.nothing, closes: true))
        }
    }
}
