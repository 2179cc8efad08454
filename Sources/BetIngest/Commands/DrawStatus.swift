import Domain
import Foundation
import Ledger

/// The state of a draw for programs: `bet-ingest status --output json`.
struct DrawStatus: Encodable {
    enum State: String, Encodable {
        /// There is no ledger.
        case none
        case open
        case sealed
        case published
    }

    struct Agency: Encodable {
        var agency: AgencyID
        var chunks: UInt32
        var bets: UInt64
        var rejectedBets: UInt64
        var finished: Bool
    }

    var draw: DrawID
    var state: State
    var expectedAgencies: UInt32
    var finishedAgencies: Int
    var bets: UInt64
    /// The agencies that have sent something, by number.
    var agencies: [Agency]

    init(_ draw: DrawID, _ state: State, _ standings: DrawStandings, agencies: UInt32) {
        self.draw = draw
        self.state = state
        expectedAgencies = agencies
        finishedAgencies = standings.finishedAgencies.count
        bets = standings.storedBets
        self.agencies = standings.standings.keys.sorted().map { agency in
            let standing = standings[agency]
            return Agency(
                agency: agency, chunks: standing.nextSequence - 1, bets: standing.storedBets,
                rejectedBets: standing.rejectedBets, finished: standing.isFinished)
        }
    }

    /// Encodes one line.
    ///
    /// - Throws: never; strings and integers can be encoded.
    func json() throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys]
        return String(decoding: try encoder.encode(self), as: UTF8.self)
    }
}
