import Domain
import Ledger
import Storage
import TestKit
import WireProtocol

@testable import BetIngest

/// A model of the service's invariants, which knows only what was sent and what was answered.
///
/// Checks the invariants of ARCHITECTURE.md and docs/reliability.md; each fault names the invariant that it breaks.
final class LedgerAuditor {
    /// A chunk that an agency plans to send.
    struct Planned {
        var bets: [Bet]
        var isBad: Bool
        var isLast: Bool
    }

    private struct Sent {
        /// The planned chunks in file order; for a native agency the first one has sequence 1.
        var planned: [Planned]
        var isNative: Bool
        /// The first answer to each chunk of a native agency.
        var answers: [UInt32: Message] = [:]
        /// How often each chunk of a dialect was sent, and how often acknowledged.
        var attempts: [Int: Int] = [:]
        var acknowledged: [Int: Int] = [:]
    }

    private var sent: [AgencyID: Sent] = [:]
    private var winners: [AgencyID: [String]] = [:]
    private var result: [UInt8]?
    private(set) var faults: [String] = []

    func plan(_ agency: AgencyID, _ chunks: [Planned], isNative: Bool) {
        sent[agency] = Sent(planned: chunks, isNative: isNative)
    }

    private func check(_ condition: Bool, _ invariant: Int, _ text: @autoclosure () -> String) {
        if !condition { faults.append("invariant \(invariant): \(text())") }
    }

    /// Adds a fault that belongs to no numbered invariant.
    func violated(_ text: String) {
        faults.append(text)
    }

    // MARK: Answers to agencies

    /// Checks and records the answer to a planned chunk of a native agency.
    func answered(_ agency: AgencyID, _ sequence: UInt32, _ message: Message) {
        guard let planned = sent[agency]?.planned[Int(sequence) - 1] else { return }
        switch message {
        case .chunkProcessed(let processed):
            check(!planned.isBad, 3, "agency \(agency): bad chunk \(sequence) was processed")
            check(Int(processed.count) == planned.bets.count, 1, "agency \(agency): chunk \(sequence) counts otherwise")
        case .chunkRejected(let rejected):
            check(planned.isBad, 2, "agency \(agency): good chunk \(sequence) was rejected: \(rejected.message)")
        default:
            check(false, 2, "agency \(agency): chunk \(sequence) was answered with \(message)")
        }
        if let first = sent[agency]?.answers[sequence] {
            check(first == message, 2, "agency \(agency): chunk \(sequence) got \(first), then \(message)")
        }
        sent[agency]?.answers[sequence] = message
    }

    /// Checks that WELCOME counts everything that was acknowledged.
    func welcomed(_ agency: AgencyID, _ welcome: Welcome) {
        guard let known = sent[agency] else { return }
        let highest = known.answers.keys.max() ?? 0
        check(welcome.nextSequence > highest, 1, "agency \(agency): WELCOME \(welcome.nextSequence) after \(highest)")
    }

    func attempted(_ agency: AgencyID, chunk: Int) {
        sent[agency]?.attempts[chunk, default: 0] += 1
    }

    func acknowledged(_ agency: AgencyID, chunk: Int) {
        sent[agency]?.acknowledged[chunk, default: 0] += 1
        check(sent[agency]?.planned[chunk].isBad == false, 3, "agency \(agency): bad chunk \(chunk) was acknowledged")
    }

    /// Checks and records the winners that an agency gets.
    func told(_ agency: AgencyID, _ documents: [String]) {
        if let before = winners[agency] {
            check(before == documents, 5, "agency \(agency): winners \(before), then \(documents)")
        }
        winners[agency] = documents
        check(result != nil, 5, "agency \(agency): winners before the publication")
    }

    /// Records the published result, before which no winners may be sent; checks that it never changes.
    func published(_ bytes: [UInt8]?) {
        guard let bytes else {
            check(result == nil, 4, "the published result disappeared")
            return
        }
        if let result { check(result == bytes, 4, "a second, different result was published") }
        result = bytes
    }

    // MARK: Stored records

    /// Compares the ledger with everything that was sent and answered, at the end of a run.
    func audit(_ disk: any Disk, _ folder: DrawFolder, winningNumber: UInt16) {
        do {
            try auditLedger(disk, folder, winningNumber: winningNumber)
        } catch {
            check(false, 1, "the ledger cannot be read: \(error)")
        }
    }

    private func auditLedger(_ disk: any Disk, _ folder: DrawFolder, winningNumber: UInt16) throws {
        var reader = try LedgerReader(folder.ledger, on: disk)
        var stored: [AgencyID: [(kind: RecordHeader.Kind, bets: [Bet])]] = [:]
        var isSealed = false
        while let records = try reader.nextGroup() {
            for record in records {
                check(!isSealed, 4, "a record follows the seal")
                if record.header.kind == .seal {
                    isSealed = true
                    continue
                }
                if record.header.kind.isService { continue }
                let isChunk = record.header.kind != .rejection
                let bets = reader.withPayload(of: record) { payload in
                    isChunk ? BetColumns(payload, count: record.header.count).bets : []
                }
                stored[record.header.agency, default: []].append((record.header.kind, bets))
            }
        }
        check(isSealed == (result != nil) || isSealed, 4, "published without a seal")
        for (agency, known) in sent {
            let records = stored[agency] ?? []
            if known.isNative { auditNative(agency, known, records) } else { auditDialect(agency, known, records) }
        }
        check(Set(stored.keys).isSubset(of: sent.keys), 3, "records of agencies that sent nothing")
        guard let result else { return }
        let told = try DrawResult(fileBytes: result)
        for (agency, _) in sent {
            let expected = (stored[agency] ?? []).flatMap(\.bets).filter { $0.number == winningNumber }.map(\.document)
            let published = told.agencies?.first { $0.agency == agency }?.winners
            check(published == expected, 4, "agency \(agency): \(published ?? []) published, \(expected) stored")
            if let heard = winners[agency] { check(heard == expected, 5, "agency \(agency) heard \(heard)") }
        }
    }

    private func auditNative(
        _ agency: AgencyID, _ known: Sent, _ records: [(kind: RecordHeader.Kind, bets: [Bet])]
    ) {
        check(records.count <= known.planned.count, 2, "agency \(agency): \(records.count) records")
        for (index, record) in records.enumerated() where index < known.planned.count {
            let planned = known.planned[index]
            let kind: RecordHeader.Kind = planned.isBad ? .rejection : planned.isLast ? .lastChunk : .chunk
            check(record.kind == kind, 3, "agency \(agency): record \(index + 1) is \(record.kind)")
            check(planned.isBad || record.bets == planned.bets, 2, "agency \(agency): other bets in \(index + 1)")
        }
        let highest = Int(known.answers.keys.max() ?? 0)
        check(records.count >= highest, 1, "agency \(agency): \(highest) answered, \(records.count) stored")
    }

    private func auditDialect(
        _ agency: AgencyID, _ known: Sent, _ records: [(kind: RecordHeader.Kind, bets: [Bet])]
    ) {
        var counts: [Int: Int] = [:]
        for record in records {
            check(record.kind != .rejection, 3, "agency \(agency): a dialect's rejection is a record")
            if record.bets.isEmpty { continue }
            let index = known.planned.firstIndex { $0.bets == record.bets && !$0.isBad }
            check(index != nil, 3, "agency \(agency): bets are stored that it did not send together")
            if let index { counts[index, default: 0] += 1 }
        }
        for (index, planned) in known.planned.enumerated() where !planned.bets.isEmpty {
            let (count, acknowledged) = (counts[index] ?? 0, known.acknowledged[index] ?? 0)
            let attempts = known.attempts[index] ?? 0
            check(
                count >= acknowledged, 1,
                "agency \(agency): chunk \(index) acknowledged \(acknowledged), stored \(count)")
            check(planned.isBad || result == nil || count > 0, 1, "agency \(agency): chunk \(index) is missing")
            check(count <= attempts, 2, "agency \(agency): chunk \(index) sent \(attempts) times, stored \(count)")
        }
    }
}
