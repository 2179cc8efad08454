import Domain
import Ledger
import NIOConcurrencyHelpers
import Storage

/// The consultations of dialect agencies, parked without a thread until the draw is published.
///
/// Isolation: a lock. The committer thread consults, so that answers stay in order; the main thread publishes.
final class DialectConsultations: Sendable {
    private struct Parked: Sendable {
        var requester: any Requester
        var agency: AgencyID
    }

    private struct State: Sendable {
        var winners: WinnersFile?
        var isVoid = false
        /// One answer for each question: a connection that asked twice is answered twice.
        var parked: [ObjectIdentifier: [Parked]] = [:]
        var parkedOfAgency: [AgencyID: Int] = [:]
    }

    /// A limit, because any peer may ask, and each occupies a connection.
    private static let maxParkedPerAgency = 64

    private let state = NIOLockedValueBox(State())

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
            parked.requester.answerConsultation(Self.decision(published.winners, parked.agency, wasParked: true))
        }
    }

    var isPublished: Bool { state.withLockedValue { $0.winners != nil } }

    /// Whether the draw is published or void.
    var isOver: Bool { state.withLockedValue { $0.winners != nil || $0.isVoid } }

    /// Makes the draw void and ends every parked consultation.
    func makeVoid() {
        let waiting = state.withLockedValue { state in
            state.isVoid = true
            defer {
                state.parked.removeAll()
                state.parkedOfAgency.removeAll()
            }
            return state.parked
        }
        for parked in waiting.values.joined() {
            parked.requester.answerConsultation(Self.void)
        }
    }

    private static let void = Decision.winnersUnreadable(reason: "the draw is void: there are no winners")

    /// Answers a consultation, or parks it.
    func consult(_ agency: AgencyID, from requester: any Requester, waits: Bool) -> Decision {
        if state.withLockedValue(\.isVoid) { return Self.void }
        let (winners, isParked) = state.withLockedValue { state -> (WinnersFile?, Bool) in
            guard state.winners == nil, waits, state.parkedOfAgency[agency, default: 0] < Self.maxParkedPerAgency else {
                return (state.winners, false)
            }
            state.parked[ObjectIdentifier(requester), default: []].append(Parked(requester: requester, agency: agency))
            state.parkedOfAgency[agency, default: 0] += 1
            return (nil, true)
        }
        return winners.map { Self.decision($0, agency, wasParked: false) }
            ?? (isParked ? .consultationParked : .notDrawnYet)
    }

    /// Answers whether the draw is published.
    func askDrawn() -> Decision { .drawn(isPublished) }

    func leave(_ requester: any Requester) {
        state.withLockedValue { state in
            for parked in state.parked.removeValue(forKey: ObjectIdentifier(requester)) ?? [] {
                state.parkedOfAgency[parked.agency, default: 1] -= 1
            }
        }
    }

    func abandon() {
        state.withLockedValue { $0.parked = [:] }
    }

    /// Reads an agency's 48 bytes, usually from the page cache.
    private static func decision(_ file: WinnersFile, _ agency: AgencyID, wasParked: Bool) -> Decision {
        do throws(DiskError) {
            return .winners(agency, file, try file.entry(agency), wasParked: wasParked)
        } catch {
            return .winnersUnreadable(reason: "its winners cannot be read: \(error)")
        }
    }
}
