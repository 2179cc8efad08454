import Domain
import Ledger
import Storage
import TestKit
import WireProtocol

@testable import BetIngest

/// A model of many draws, which knows what agencies and operators were told.
///
/// Checks for each draw: everything acknowledged is in its ledger and nothing late is; late list and ledger together
/// have everything that was answered; it was opened once; its result is that of the number that was entered.
final class DaysAuditor {
    /// A chunk that was sent to a draw.
    struct Sent {
        var draw: DrawID
        var agency: AgencyID
        var sequence: UInt32
        var bets: [Bet]
        /// The service's clock at the decision, and the draw's cut-off then.
        var sentAt: Instant
        var cutOff: Instant?
    }

    private struct Key: Hashable {
        var agency: AgencyID
        var sequence: UInt32
    }

    private struct Known {
        var acknowledged: [Key: [Bet]] = [:]
        var late: Set<Key> = []
        var isClosedByOperator = false
        var mayBeVoid = false
    }

    private let plan: [DrawID: DrawOpening]
    private var draws: [DrawID: Known] = [:]
    /// The latest time that the service's clock has shown.
    private var latest = Instant(milliseconds: 0)
    private var wasClockSet = false
    /// The part of events.log that is audited: its size, the hash of its last line, and its events.
    private var auditedBytes = 0
    private var lastHash = DrawEvent.noPrevious
    private var counts: [DrawID: [DrawEvent.Kind: Int]] = [:]
    private(set) var faults: [String] = []
    /// The draws that are not audited yet.
    private(set) var waiting: Set<DrawID>
    private(set) var published = 0
    private(set) var void = 0
    private(set) var missed: Set<DrawID> = []
    private(set) var lateCount = 0
    private(set) var acknowledgedCount = 0

    init(plan: [DrawOpening]) {
        self.plan = Dictionary(plan.map { ($0.draw, $0) }) { first, _ in first }
        waiting = Set(plan.map(\.draw))
    }

    private func check(_ condition: Bool, _ invariant: Int, _ text: @autoclosure () -> String) {
        if !condition { faults.append("invariant \(invariant): \(text())") }
    }

    func violated(_ text: String) { faults.append(text) }

    func passed(_ now: Instant) { latest = max(latest, now) }
    func started(at now: Instant) { passed(now) }
    func clockWasSet() { wasClockSet = true }
    func closes(_ draw: DrawID) { draws[draw, default: Known()].isClosedByOperator = true }

    func mayBeVoid(_ draw: DrawID) {
        draws[draw, default: Known()].mayBeVoid = true
        draws[draw]?.isClosedByOperator = true
    }

    /// The number that operators enter for a draw.
    func number(of draw: DrawID) -> UInt16 { UInt16(draw.name.utf8.reduce(0) { ($0 &* 31 &+ Int($1)) % 2 }) + 7 }

    // MARK: Answers

    /// Records the answer to a chunk.
    func answered(_ sent: Sent, _ message: Message, at now: Instant) {
        let key = Key(agency: sent.agency, sequence: sent.sequence)
        switch message {
        case .chunkProcessed(let processed):
            acknowledgedCount += 1
            check(Int(processed.count) == sent.bets.count, 3, "\(sent.draw): a chunk was counted otherwise")
            if let cutOff = sent.cutOff {
                check(
                    sent.sentAt < cutOff, 4, "\(sent.draw): a chunk of \(sent.sentAt) is in, the cut-off was \(cutOff)")
            }
            check(draws[sent.draw]?.late.contains(key) != true, 4, "\(sent.draw): a late chunk was admitted later")
            draws[sent.draw, default: Known()].acknowledged[key] = sent.bets
        case .chunkRejected(let rejected) where [.drawClosed, .drawVoid].contains(rejected.code):
            lateCount += 1
            let known = draws[sent.draw] ?? Known()
            let isLate = sent.cutOff.map { latest >= $0 } ?? false
            check(
                isLate || known.isClosedByOperator || hasFinished(known), 4,
                "\(sent.draw): a chunk of \(sent.sentAt) is late, the cut-off is \(sent.cutOff.map { "\($0)" } ?? "-")")
            draws[sent.draw, default: Known()].late.insert(key)
        case .chunkRejected(let rejected):
            // The agency has finished, or another connection was faster with this sequence.
            check(
                [.agencyFinished, .conflict].contains(rejected.code), 2,
                "\(sent.draw): \(rejected.code): \(rejected.message)")
        default:
            check(false, 2, "\(sent.draw): \(message)")
        }
    }

    /// Whether every agency may have finished: then the draw closes by itself.
    private func hasFinished(_ known: Known) -> Bool { Set(known.acknowledged.keys.map(\.agency)).count == 3 }

    // MARK: The end of a draw

    /// Compares a draw that is over with what was told, and forgets it.
    func audit(_ folder: DrawFolder, on disk: any Disk) {
        guard waiting.remove(folder.draw) != nil else { return }
        defer { draws[folder.draw] = nil }
        do {
            try compare(folder, on: disk)
        } catch {
            check(false, 1, "\(folder.draw) cannot be read: \(error)")
        }
    }

    private func compare(_ folder: DrawFolder, on disk: any Disk) throws {
        let known = draws[folder.draw] ?? Known()
        let contents = try LedgerContents(reading: folder.ledger, on: disk)
        guard let seal = contents.standings.seal else {
            return check(false, 4, "\(folder.draw) is over and not sealed")
        }
        let stored = try records(folder, seal, on: disk)
        for (key, bets) in known.acknowledged {
            check(stored[key] == bets, 1, "\(folder.draw): acknowledged chunk \(key) is not in the ledger")
        }
        let late = LateList.read(try DurableFile.read(folder.late, on: disk) ?? [])
        let lines = String(decoding: try DurableFile.read(folder.late, on: disk) ?? [], as: UTF8.self)
        for key in known.late {
            check(stored[key] == nil, 4, "\(folder.draw): late chunk \(key) is in the ledger")
            check(
                lines.contains(",\(key.agency),\(key.sequence),"), 1,
                "\(folder.draw): late chunk \(key) is not on the list of \(late.list.total.chunks)")
        }
        if disk.stamp(folder.void) != nil {
            void += 1
            check(known.mayBeVoid, 4, "\(folder.draw) is void and nobody made it so")
            check(disk.stamp(folder.result) == nil, 4, "\(folder.draw) is void and published")
            let rows = try DurableFile.read(folder.refunds, on: disk)?.count { $0 == UInt8(ascii: "\n") }
            check(rows == Int(seal.bets), 1, "\(folder.draw): \(rows ?? -1) refunds of \(seal.bets) bets")
            return
        }
        published += 1
        let result = try PublishedDraw(folder, contents: contents, on: disk)?.result
        check(result?.winningNumber == expectedNumber(folder.draw), 4, "\(folder.draw) was drawn with another number")
        let winners = stored.values.joined().count { $0.number == result?.winningNumber ?? .max }
        check(result?.winningBets == UInt64(winners), 5, "\(folder.draw): \(winners) bets win")
    }

    private func expectedNumber(_ draw: DrawID) -> UInt16 {
        plan[draw]?.number == .configured ? 7 : number(of: draw)
    }

    private func records(_ folder: DrawFolder, _ seal: SealRecord, on disk: any Disk) throws -> [Key: [Bet]] {
        var reader = try LedgerReader(folder.ledger, on: disk)
        var stored: [Key: [Bet]] = [:]
        while let records = try reader.nextGroup() {
            for record in records where !record.header.kind.isService {
                let key = Key(agency: record.header.agency, sequence: record.header.sequence)
                check(stored[key] == nil, 2, "\(folder.draw): chunk \(key) is stored twice")
                stored[key] = reader.withPayload(of: record) { BetColumns($0, count: record.header.count).bets }
                if seal.reason == .cutOff {
                    check(
                        record.header.time < seal.instant.milliseconds, 4, "\(folder.draw): a record after the cut-off")
                }
            }
        }
        return stored
    }

    // MARK: Events

    /// Checks the lines of the log since the last call: their chain, and that each draw was opened once, or missed.
    func auditEvents(_ disk: SimulatedDisk) {
        guard let bytes = disk.bytes("/data/events.log") else { return }
        let end = bytes.lastIndex(of: UInt8(ascii: "\n")).map { $0 + 1 } ?? 0
        for line in bytes[min(auditedBytes, end)..<end].split(separator: UInt8(ascii: "\n")) {
            guard let event = DrawEvent(line: line), event.previous == lastHash else {
                return check(false, 4, "the chain of events is broken: \(String(decoding: line, as: UTF8.self))")
            }
            lastHash = DrawEvent.hash(line: line)
            if let draw = event.draw { count(event.event, of: draw) }
        }
        check(end >= auditedBytes, 1, "events.log lost durable lines")
        auditedBytes = end
    }

    private func count(_ kind: DrawEvent.Kind, of draw: DrawID) {
        counts[draw, default: [:]][kind, default: 0] += 1
        let kinds = counts[draw] ?? [:]
        if [.opened, .sealed, .drawn, .published, .void, .numberKnown, .missed].contains(kind) {
            check(kinds[kind] == 1, 4, "\(draw): \(kinds[kind] ?? 0) events '\(kind.rawValue)'")
        }
        guard kinds[.missed] != nil else { return }
        check(kinds[.opened] == nil || wasClockSet, 4, "\(draw) was missed and opened")
        missed.insert(draw)
        if kinds[.opened] == nil { waiting.remove(draw) }
    }
}
