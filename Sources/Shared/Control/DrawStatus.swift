package import Domain
package import Identity
package import Ledger
package import TLS

/// The state of a draw with its agencies, for `bet-ingest status` and the control socket.
package struct DrawStatus: Codable, Sendable {
    /// The source of a status: the running service, or the data folder while no service runs.
    package enum Source: String, Codable, Sendable {
        case service
        case folder
    }

    package struct Agency: Codable, Sendable {
        package var agency: AgencyID
        package var chunks: UInt32
        package var bets: UInt64
        package var rejectedBets: UInt64
        package var lateBets: Int
        package var finished: Bool
        /// When its last chunk was recorded; nil before the first.
        package var lastChunk: Instant?
        /// The end of the certificate that it entered with last; nil without one, or without a running service.
        package var certificateEnd: Instant?
    }

    package var summary: DrawSummary
    package var source: Source
    /// The server's clock.
    package var now: Instant
    /// How often the service's wall clock was set by more than a second since its start.
    package var clockSteps = 0
    /// Nil without a roster, or without a running service.
    package var roster: RosterStatus?
    /// Nil without TLS, or without a running service.
    package var tls: TLSStatus?
    /// Nil for a ledger on this machine, or without a running service.
    package var cluster: ClusterStatus?
    /// The agencies that have sent something, by number.
    package var agencies: [Agency]
    /// The expected agencies that have sent nothing, by number; nil if more than ``maxListedSilent`` are expected.
    package var silent: [AgencyID]?

    package static let maxListedSilent: UInt32 = 100_000

    package init(
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
                finished: standing.isFinished, lastChunk: standing.lastTime.milliseconds > 0 ? standing.lastTime : nil)
        }
        if expected.count <= Self.maxListedSilent { silent = expected.members.filter { !senders.contains($0) } }
    }

    /// Adds the ends of the certificates with which agencies entered.
    package mutating func setCertificateEnds(_ ends: [AgencyID: Instant]) {
        guard !ends.isEmpty else { return }
        for index in agencies.indices { agencies[index].certificateEnd = ends[agencies[index].agency] }
    }

    private enum CodingKeys: CodingKey {
        case source, now, clockSteps, roster, tls, cluster, agencies, silent
    }

    /// Reads one object with the fields of the summary, too.
    package init(from decoder: any Decoder) throws {
        summary = try DrawSummary(from: decoder)
        let values = try decoder.container(keyedBy: CodingKeys.self)
        source = try values.decode(Source.self, forKey: .source)
        now = try values.decode(Instant.self, forKey: .now)
        clockSteps = try values.decode(Int.self, forKey: .clockSteps)
        roster = try values.decodeIfPresent(RosterStatus.self, forKey: .roster)
        tls = try values.decodeIfPresent(TLSStatus.self, forKey: .tls)
        cluster = try values.decodeIfPresent(ClusterStatus.self, forKey: .cluster)
        agencies = try values.decode([Agency].self, forKey: .agencies)
        silent = try values.decodeIfPresent([AgencyID].self, forKey: .silent)
    }

    package func encode(to encoder: any Encoder) throws {
        try summary.encode(to: encoder)
        var values = encoder.container(keyedBy: CodingKeys.self)
        try values.encode(source, forKey: .source)
        try values.encode(now, forKey: .now)
        try values.encode(clockSteps, forKey: .clockSteps)
        try values.encodeIfPresent(roster, forKey: .roster)
        try values.encodeIfPresent(tls, forKey: .tls)
        try values.encodeIfPresent(cluster, forKey: .cluster)
        try values.encode(agencies, forKey: .agencies)
        try values.encodeIfPresent(silent, forKey: .silent)
    }
}
