import Domain
import Ledger
import WireProtocol

/// The draws of the data folder, as winners-service answers for them.
///
/// Pure. The main thread makes it; every event loop has the same value.
struct KnownDraws: Sendable {
    /// A draw that is not published yet.
    struct Live: Sendable {
        var finished: Set<AgencyID>
        var expectedAgencies: UInt32
        /// The highest number of an agency.
        var lastAgency: UInt32
        var cutOff: Instant?
    }

    /// The draw of the configuration, which may be consulted before it has a folder; nil with a calendar.
    var configured: DrawID?
    /// The agencies of a draw that says nothing itself.
    var configuredAgencies: UInt32
    /// The draws with a progress.json and without a result.
    var live: [DrawID: Live] = [:]
    /// The published draws, with their number of agencies if they are loaded.
    var published: [DrawID: UInt32?] = [:]
    /// The void draws, with the reason.
    var void: [DrawID: String] = [:]
    var lastPublished: DrawID?

    /// Finds the draw that a HELLO names.
    ///
    /// - Returns: nil for an empty name: then each consultation finds its draw.
    func draw(named name: String) -> Result<DrawID?, HelloFault> {
        if name.isEmpty { return .success(nil) }
        if let draw = DrawID(name) {
            if draw == configured || live[draw] != nil || published[draw] != nil || void[draw] != nil {
                return .success(draw)
            }
        }
        if let configured, live.keys.allSatisfy({ $0 == configured }) {
            return .failure(HelloFault(code: .unknownDraw, reason: "the current draw is \(configured), not \(name)"))
        }
        return .failure(HelloFault(code: .unknownDraw, reason: "there is no draw \(name)"))
    }

    /// Finds the draw that an agency asks for without a name.
    ///
    /// - Returns: the unpublished draw in which the agency has finished and that closes first; else the one published
    ///   last; else the one that closes first; nil without any draw.
    func draw(consultedBy agency: AgencyID) -> DrawID? {
        first(live.filter { $0.value.finished.contains(agency) }) ?? lastPublished ?? configured ?? first(live)
    }

    /// Finds the draw that an agency of a dialect asks for; it cannot name one.
    ///
    /// Its last chunk may have been acknowledged a moment ago, before the files say that it has finished: an earlier draw
    /// is answered at once only if the agency took part in it, or if no other draw takes bets.
    ///
    /// - Returns: nil if that is not known yet.
    func draw(askedByDialectFor agency: AgencyID, isLastAttempt: Bool) -> DrawID? {
        if let draw = first(live.filter({ $0.value.finished.contains(agency) })) { return draw }
        if live.isEmpty || isLastAttempt { return draw(consultedBy: agency) }
        return nil
    }

    private func first(_ draws: [DrawID: Live]) -> DrawID? {
        draws.min { order($0) < order($1) }?.key
    }

    private func order(_ draw: (key: DrawID, value: Live)) -> (UInt64, String) {
        (draw.value.cutOff?.milliseconds ?? .max, draw.key.name)
    }

    /// The agencies that may ask for a draw; all numbers for one that is not loaded.
    func agencies(of draw: DrawID?) -> DrawAgencies {
        guard let draw = draw ?? configured ?? lastPublished ?? first(live) else {
            return DrawAgencies(configuredAgencies)
        }
        if let agencies = published[draw] { return DrawAgencies(agencies ?? .max) }
        return DrawAgencies(max(live[draw]?.lastAgency ?? 0, configuredAgencies))
    }
}

/// The reason to reject a HELLO.
struct HelloFault: Error, Equatable, Sendable {
    var code: ErrorCode
    var reason: String
}
