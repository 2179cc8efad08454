import Domain
import Foundation
import Identity
import Ledger
import TLS

/// The state of a draw with its agencies, for `bet-ingest status` and the control socket.
struct DrawStatus: Codable {
    /// The source of a status: the running service, or the data folder while no service runs.
    enum Source: String, Codable {
        case service
        case folder
    }

    struct Agency: Codable {
        var agency: AgencyID
        var chunks: UInt32
        var bets: UInt64
        var rejectedBets: UInt64
        var lateBets: Int
        var finished: Bool
    }

    var summary: DrawSummary
    var source: Source
    /// The server's clock.
    var now: Instant
    /// How often the service's wall clock was set by more than a second since its start.
    var clockSteps = 0
    /// Nil without a roster, or without a running service.
    var roster: RosterStatus?
    /// Nil without TLS, or without a running service.
    var tls: TLSStatus?
    /// The agencies that have sent something, by number.
    var agencies: [Agency]
    /// The expected agencies that have sent nothing, by number; nil if more than 200 are expected.
    var silent: [AgencyID]?

    private static let maxListedSilent: UInt32 = 200

    init(
        _ summary: DrawSummary, of expected: DrawAgencies, _ standings: DrawStandings, late: LateList, source: Source,
        now: Instant
    ) {
        self.summary = summary
        self.source = source
        self.now = now
        let senders = Set(standings.standings.keys).union(late.counts.keys)
        agencies = senders.sorted().map { agency in
            let standing = standings[agency]
            return Agency(
                agency: agency, chunks: standing.nextSequence - 1, bets: standing.storedBets,
                rejectedBets: standing.rejectedBets, lateBets: late.counts[agency]?.bets ?? 0,
                finished: standing.isFinished)
        }
        if expected.count <= Self.maxListedSilent { silent = expected.members.filter { !senders.contains($0) } }
    }

    private enum CodingKeys: CodingKey {
        case source, now, clockSteps, roster, tls, agencies, silent
    }

    /// Reads one object with the fields of the summary, too.
    init(from decoder: any Decoder) throws {
        summary = try DrawSummary(from: decoder)
        let values = try decoder.container(keyedBy: CodingKeys.self)
        source = try values.decode(Source.self, forKey: .source)
        now = try values.decode(Instant.self, forKey: .now)
        clockSteps = try values.decode(Int.self, forKey: .clockSteps)
        roster = try values.decodeIfPresent(RosterStatus.self, forKey: .roster)
        tls = try values.decodeIfPresent(TLSStatus.self, forKey: .tls)
        agencies = try values.decode([Agency].self, forKey: .agencies)
        silent = try values.decodeIfPresent([AgencyID].self, forKey: .silent)
    }

    func encode(to encoder: any Encoder) throws {
        try summary.encode(to: encoder)
        var values = encoder.container(keyedBy: CodingKeys.self)
        try values.encode(source, forKey: .source)
        try values.encode(now, forKey: .now)
        try values.encode(clockSteps, forKey: .clockSteps)
        try values.encodeIfPresent(roster, forKey: .roster)
        try values.encodeIfPresent(tls, forKey: .tls)
        try values.encode(agencies, forKey: .agencies)
        try values.encodeIfPresent(silent, forKey: .silent)
    }
}
