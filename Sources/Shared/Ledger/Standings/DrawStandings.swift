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
    /// Whether each agency's bets are digested; WELCOME needs that, a draw does not.
    private let tracksDigests: Bool

    package init(tracksDigests: Bool = true) {
        self.tracksDigests = tracksDigests
    }

    package subscript(agency: AgencyID) -> AgencyStanding {
        standings[agency] ?? AgencyStanding()
    }

    /// The number of agencies of the draw: the seal's if there is one, whatever the configuration says.
    ///
    /// Before the seal it never falls below the number that the draw was started with.
    package func agencies(configured: UInt32) -> UInt32 {
        seal?.agencies ?? max(configured, expectedAgencies)
    }

    package var finishedAgencies: [AgencyID] {
        standings.filter(\.value.isFinished).keys.sorted()
    }

    /// Adds an agency's next chunk or rejection.
    package mutating func apply(_ kind: RecordHeader.Kind, agency: AgencyID, count: Int, bets: BetsDigest?) {
        standings[agency, default: AgencyStanding()].apply(kind, count: count, bets: bets)
        if kind != .rejection { storedBets += UInt64(count) }
    }

    package mutating func apply(_ seal: SealRecord) {
        self.seal = seal
    }

    /// Adds a record, or returns the fault that it has after the records so far.
    ///
    /// Sequences have no gaps, nothing follows an agency's last chunk or the seal, and positions and totals add up.
    package mutating func check(_ record: RecordHeader, payload: Span<UInt8>) -> String? {
        if seal != nil { return "a record follows the seal" }
        if record.kind == .seal { return check(seal: payload) }
        if record.kind == .start { return check(start: payload) }
        if record.agency.rawValue == 0 { return "the record belongs to agency 0" }
        var (count, bets): (Int, BetsDigest?) = (record.count, nil)
        if record.kind == .rejection {
            guard let rejection = RejectionRecord(payload.array, count: count) else {
                return "the payload of a rejection is not valid"
            }
            count = rejection.betCount(claimed: count)
            bets = count == 0 ? BetsDigest() : rejection.digest
        } else {
            let columns = BetColumns(payload, count: count)
            do throws(ChunkFault) {
                try columns.checkLayout()
            } catch {
                return "\(error)"
            }
            if tracksDigests { bets = BetsDigest(columns) }
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
        apply(record.kind, agency: record.agency, count: count, bets: bets)
        return nil
    }

    private mutating func check(start payload: Span<UInt8>) -> String? {
        guard let start = StartRecord(payload.array) else { return "the payload of a start is not valid" }
        expectedAgencies = max(expectedAgencies, start.agencies)
        return nil
    }

    private mutating func check(seal payload: Span<UInt8>) -> String? {
        guard let seal = SealRecord(payload.array), seal.winningNumber <= Limits.maxNumber else {
            return "the payload of a seal is not valid"
        }
        guard seal.bets == storedBets else {
            return "the seal says \(seal.bets) bets, but the ledger has \(storedBets)"
        }
        let finished = finishedAgencies
        guard finished.count == Int(seal.agencies), finished.last?.rawValue ?? 0 <= seal.agencies,
            standings.count == finished.count
        else {
            return "the seal says \(seal.agencies) agencies, \(finished.count) of \(standings.count) have finished"
        }
        self.seal = seal
        return nil
    }
}

extension Span<UInt8> {
    fileprivate var array: [UInt8] { withUnsafeBufferPointer { Array($0) } }
}
