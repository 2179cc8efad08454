package import Domain
package import WireProtocol

/// The standings of all agencies of a draw, computed from the ledger's records in order.
///
/// Pure.
package struct DrawStandings: Sendable {
    package private(set) var standings: [AgencyID: AgencyStanding] = [:]
    package private(set) var storedBets: UInt64 = 0
    package private(set) var seal: SealRecord?
    /// The largest number of agencies expected since the ledger was created; 0 in a ledger of version 1.
    package private(set) var expectedAgencies: UInt32 = 0
    /// The newest time of a record, and of a record of an agency.
    package private(set) var lastTime = Instant(milliseconds: 0)
    private var lastChunkTime = Instant(milliseconds: 0)
    /// Whether each agency's bets are digested; WELCOME needs that, a draw does not.
    private let tracksDigests: Bool

    package init(tracksDigests: Bool = true) {
        self.tracksDigests = tracksDigests
    }

    package subscript(agency: AgencyID) -> AgencyStanding {
        standings[agency] ?? AgencyStanding()
    }

    /// The agencies of the draw: the seal's if there is one, whatever the configuration says.
    ///
    /// Before the seal none that has records is left out, nor one that the draw was started with.
    package func agencies(configured: DrawAgencies) -> DrawAgencies {
        if let seal { return seal.drawAgencies }
        let last = max(configured.last, expectedAgencies)
        return DrawAgencies(last, excluded: configured.excluded.subtracting(standings.keys))
    }

    package var finishedAgencies: [AgencyID] {
        standings.filter(\.value.isFinished).keys.sorted()
    }

    /// Adds an agency's next chunk or rejection.
    package mutating func apply(
        _ kind: RecordHeader.Kind, agency: AgencyID, count: Int, bets: BetsDigest?, at time: Instant
    ) {
        standings[agency, default: AgencyStanding()].apply(kind, count: count, bets: bets, at: time)
        if kind != .rejection { storedBets += UInt64(count) }
    }

    package mutating func apply(_ seal: SealRecord) {
        self.seal = seal
    }

    /// Replaces what is known of an agency, as another service recorded it; an older standing changes nothing.
    package mutating func set(_ standing: AgencyStanding, of agency: AgencyID) {
        guard standing.nextSequence >= self[agency].nextSequence else { return }
        storedBets = storedBets - self[agency].storedBets + standing.storedBets
        standings[agency] = standing
        lastTime = max(lastTime, standing.lastTime)
    }

    /// Adds a record, or returns the fault that it has after the records so far.
    ///
    /// Sequences have no gaps, nothing follows an agency's last chunk or the seal, and positions and totals add up.
    package mutating func check(_ record: RecordHeader, payload: Span<UInt8>) -> String? {
        if seal != nil { return "a record follows the seal" }
        let time = Instant(milliseconds: record.time)
        defer { lastTime = max(lastTime, time) }
        switch record.kind {
        case .start: return check(start: payload)
        case .seal: return check(seal: SealRecord(payload.array))
        case .numberedSeal: return check(seal: SealRecord(version1: payload.array, time: time))
        case .chunk, .lastChunk, .rejection: break
        }
        if record.agency.rawValue == 0 { return "the record belongs to agency 0" }
        let (count, bets): (Int, BetsDigest?)
        do throws(PayloadFault) {
            (count, bets) = try record.bets(in: payload, isDigested: tracksDigests)
        } catch {
            return error.description
        }
        let standing = self[record.agency]
        guard standing.verdict(on: record.sequence) == .next else {
            return "agency \(record.agency) has sequence \(record.sequence), but "
                + (standing.isFinished
                    ? "it has finished" : "\(standing.nextSequence) is expected")
        }
        guard record.firstBetIndex == storedBets else {
            return "the record claims \(record.firstBetIndex) bets before it, but there are "
                + "\(storedBets)"
        }
        apply(record.kind, agency: record.agency, count: count, bets: bets, at: time)
        lastChunkTime = max(lastChunkTime, time)
        return nil
    }

    private mutating func check(start payload: Span<UInt8>) -> String? {
        guard let start = StartRecord(payload.array) else { return "the payload of a start is not valid" }
        expectedAgencies = max(expectedAgencies, start.agencies)
        return nil
    }

    private mutating func check(seal read: SealRecord?) -> String? {
        guard let seal = read, (seal.number?.number ?? 0) <= Limits.maxNumber, seal.agencies <= Limits.maxAgencies
        else {
            return "the payload of a seal is not valid"
        }
        guard seal.bets == storedBets else {
            return "the seal says \(seal.bets) bets, but the ledger has \(storedBets)"
        }
        if let last = standings.keys.max(), last.rawValue > seal.agencies {
            return "the seal says \(seal.agencies) agencies, but agency \(last) has records"
        }
        if let agency = seal.excluded.first(where: { standings[$0] != nil }) {
            return "the seal says that agency \(agency) is not one of the draw, but it has records"
        }
        let own = SealRecord(seal.reason, at: seal.instant, of: self, agencies: seal.drawAgencies)
        guard seal.unfinished == own.unfinished, seal.absent == own.absent, seal.excluded == own.excluded else {
            return "the seal says that \(seal.finishedCount) of \(seal.agencies) agencies have finished, "
                + "\(seal.unfinished.count) have not and \(seal.absent.count) are absent; the ledger has "
                + "\(own.finishedCount), \(own.unfinished.count) and \(own.absent.count)"
        }
        if seal.reason == .cutOff, lastChunkTime >= seal.instant {
            return "the seal says that the cut-off was \(seal.instant), but a chunk is of \(lastChunkTime)"
        }
        self.seal = seal
        return nil
    }
}

extension SealRecord {
    /// Makes the seal of a ledger with these standings.
    ///
    package init(_ reason: Reason, at instant: Instant, of standings: DrawStandings, agencies: DrawAgencies) {
        self.init(
            reason: reason, instant: instant, bets: standings.storedBets, agencies: agencies.last,
            excluded: agencies.excluded.sorted())
        unfinished = standings.standings.filter { !$0.value.isFinished }.keys.sorted()
        guard standings.standings.count < Int(agencies.count) else { return }
        absent = agencies.members.filter { standings.standings[$0] == nil }
    }
}
