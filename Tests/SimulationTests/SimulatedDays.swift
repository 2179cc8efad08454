import Connections
import Domain
import Ledger
import NIOConcurrencyHelpers
import NIOEmbedded
import Shell
import Storage
import TestKit
import WireProtocol

@testable import BetIngest

/// A planned list of draws, as the calendar's planner would return it.
struct RecordedPlan: DrawPlanner {
    /// In the order of their openings.
    let openings: [DrawOpening]

    func draws(around now: Instant, daysBefore: Int) -> (openings: [DrawOpening], faults: [CalendarFault]) {
        let day: UInt64 = 86_400_000
        let before = UInt64(daysBefore + 2) * day
        let around = openings.filter { opening in
            (opening.cutOff ?? opening.opens).milliseconds + before > now.milliseconds
                && opening.opens.milliseconds < now.milliseconds + 4 * day
        }
        return (around, [])
    }
}

/// Days of many draws in one process: bet-ingest with its disk and clock, agencies, operators, and faults.
///
/// A seed determines everything. The shipped parts are stepped; only the network is left out: agencies talk to
/// `IngestConnection`s. ``DaysAuditor`` checks what they were told against what each draw ends with.
final class SimulatedDays {
    /// The answers to one connection.
    private final class Answers: AnswerSink {
        let messages = NIOLockedValueBox<[Message]>([])

        func send(_ answer: Answer) {
            switch answer {
            case .frame(.message(let message), _), .final(.message(let message)):
                messages.withLockedValue { $0.append(message) }
            default: break
            }
        }

        func take() -> [Message] {
            messages.withLockedValue { messages in
                defer { messages = [] }
                return messages
            }
        }
    }

    /// A chunk without an answer yet.
    private struct Pending {
        var connection: IngestConnection
        var answers: Answers
        var chunk: DaysAuditor.Sent
    }

    let auditor: DaysAuditor
    private let seed: UInt64
    private var random: SeededGenerator
    private let plan: [DrawOpening]
    private let hasFaults: Bool
    private let configuration: ServiceConfiguration
    private let disk = SimulatedDisk()
    private let loop = EmbeddedEventLoop()
    private let time: NIOLockedValueBox<UInt64>
    private var ingest: SimulatedIngest?
    private var pending: [Pending] = []
    private var faultsLeft: Int
    private var nextLedgerID: UInt64 = 1
    /// The instants at which something is planned, soonest first.
    private var agenda: [UInt64]
    private(set) var steps = 0

    /// - Parameter plan: the draws, in the order of their openings.
    init(seed: UInt64, plan: [DrawOpening], hasFaults: Bool = true) throws {
        self.seed = seed
        self.plan = plan
        self.hasFaults = hasFaults
        random = SeededGenerator(seed: seed)
        auditor = DaysAuditor(plan: plan)
        let flags = [
            "agencies": "3", "data": "/data", "calendar": "calendar.yaml", "draw.winningNumber": "7",
            "ingest.bufferBytes": "\(Limits.largestMaxFrameBytes)", "ingest.maxFrameBytes": "65536",
        ]
        configuration = try ServiceConfiguration(flags: flags, environment: [:], file: nil)
        let start = plan.first?.opens.milliseconds ?? 0
        time = NIOLockedValueBox(start - 60_000)
        faultsLeft = hasFaults ? plan.count : 0
        agenda = (plan.map(\.opens.milliseconds) + plan.compactMap { $0.cutOff?.milliseconds }).sorted()
    }

    private var now: Instant { Instant(milliseconds: time.withLockedValue { $0 }) }

    private func number(in range: ClosedRange<Int>) -> Int { Int.random(in: range, using: &random) }
    private func chance(_ outOf: Int) -> Bool { number(in: 1...outOf) == 1 }

    /// Runs until every planned draw is published, void or missed.
    ///
    /// - Returns: the faults found, each with the invariant that it breaks.
    func run() -> [String] {
        let maxSteps = plan.count * 2000 + 10_000
        while auditor.faults.isEmpty, !isOver {
            steps += 1
            guard steps < maxSteps else {
                let waiting = (ingest?.draws ?? []).map { "\($0.draw.id) \($0.state.rawValue)" }
                return ["no end after \(steps) steps: \(waiting), \(auditor.waiting), seed \(seed)"]
            }
            step()
        }
        ingest = nil
        return auditor.faults.map { "\($0), seed \(seed)" }
    }

    private var isOver: Bool { agenda.isEmpty && auditor.waiting.isEmpty }

    private func step() {
        guard let ingest else { return start() }
        switch number(in: 0...99) {
        case 0..<22: passTime()
        case 22..<40: send(to: ingest)
        case 40..<52: ingest.work()
        case 52..<66: commit(ingest)
        case 66..<76: ingest.tick()
        case 76..<88: handleEvent()
        case 88..<96: operate(ingest)
        case 96..<98: archive(ingest)
        default: breakSomething(ingest)
        }
    }

    private func start() {
        nextLedgerID += 2
        let ledgerID = nextLedgerID
        auditor.started(at: now)
        do {
            ingest = try SimulatedIngest(
                configuration, on: disk, loop: loop, ledgerID: ledgerID,
                schedule: DrawSchedule(RecordedPlan(openings: plan)),
                clock: { [time] in time.withLockedValue { $0 } })
        } catch is LedgerError {
            die()
        } catch is DiskError {
            die()
        } catch {
            auditor.violated("the service does not start: \(error)")
        }
    }

    // MARK: Time

    /// Goes on to the next planned instant, or a little before or after it.
    private func passTime() {
        let current = time.withLockedValue { $0 }
        agenda.removeAll { $0 + 2 <= current }
        let next = agenda.first.map { $0 < current ? current : $0 } ?? current + 600_000
        let target: UInt64 =
            switch number(in: 0...5) {
            case 0: next &- 1
            case 1: next
            case 2: next + 1
            case 3: next + UInt64(number(in: 2...3000))
            default: current + UInt64(number(in: 0...60_000))
            }
        time.withLockedValue { $0 = max(current, min(target, next + 5000)) }
        auditor.passed(now)
    }

    // MARK: Agencies

    private func send(to ingest: SimulatedIngest) {
        let candidates = ingest.draws.filter { $0.state == .open || chance(4) }.map(\.draw.id)
        guard let draw = candidates.randomElement(using: &random) else { return }
        let agency = AgencyID(UInt32(number(in: 1...3)))
        let answers = Answers()
        let connection = IngestConnection(peer: "10.0.0.\(agency):\(steps)", port: ingest.port(nil), answers: answers)
        defer { connection.didClose() }
        guard connection.handleImmediately(.frame(of: .hello(Hello(agency: agency, draw: draw.name)))) else { return }
        commit(ingest)
        var next: UInt32?
        for case .welcome(let welcome) in answers.take() { next = welcome.isFinished ? nil : welcome.nextSequence }
        guard let first = next else { return }
        for sequence in first...first + UInt32(number(in: 0...1)) {
            let isLast = chance(6)
            let bets = (0..<number(in: 1...2)).map { index in
                var bet = Samples.bet(steps * 10 + index)
                bet.number = chance(3) ? 7 : 8
                return bet
            }
            let chunk = Samples.chunk(sequence: sequence, bets: bets, isLast: isLast)
            let sent = DaysAuditor.Sent(
                draw: draw, agency: agency, sequence: sequence, bets: bets, sentAt: now,
                cutOff: ingest.draws.first { $0.draw.id == draw }?.draw.committer.cutOff)
            _ = connection.append(.frame(of: .chunk(chunk)))
            _ = connection.takeTurn()
            _ = connection.endTurn()
            pending.append(Pending(connection: connection, answers: answers, chunk: sent))
        }
    }

    private func commit(_ ingest: SimulatedIngest) {
        ingest.commit()
        var waiting: [Pending] = []
        var messages: [ObjectIdentifier: [Message]] = [:]
        for sent in pending {
            let id = ObjectIdentifier(sent.answers)
            messages[id, default: []] += sent.answers.take()
            let index = messages[id]?.firstIndex { $0.sequence == sent.chunk.sequence }
            guard let index, let message = messages[id]?.remove(at: index) else {
                waiting.append(sent)
                continue
            }
            auditor.answered(sent.chunk, message, at: now)
        }
        pending = waiting
    }

    // MARK: The main thread and operators

    private func handleEvent() {
        do {
            try ingest?.handleEvent()
        } catch {
            die()
        }
    }

    private func operate(_ ingest: SimulatedIngest) {
        guard let lifecycle = ingest.draws.randomElement(using: &random) else { return }
        let draw = lifecycle.draw.id
        switch lifecycle.state {
        case .open where chance(12):
            auditor.closes(draw)
            ingest.command(.close(draw), by: "ana")
        case .open where chance(8):
            let cutOff = Instant(milliseconds: now.milliseconds + UInt64(number(in: 1...900_000)))
            agenda.append(cutOff.milliseconds)
            agenda.sort()
            ingest.command(.moveCutOff(draw, to: cutOff), by: "ana")
        case .open where chance(25), .sealed where chance(40):
            auditor.mayBeVoid(draw)
            ingest.command(.makeVoid(draw, reason: "simulated"), by: "ana")
        case .sealed:
            let right = auditor.number(of: draw)
            // Wrong entries differ, so that two of them never agree.
            let entered = chance(12) ? UInt16(100 + steps % 9000) : right
            ingest.command(.enterNumber(draw, entered), by: chance(2) ? "ana" : "luis")
        default:
            break
        }
        handleEvent()
    }

    /// Audits draws that are over and not in use any more, and removes their folders.
    private func archive(_ ingest: SimulatedIngest) {
        disk.setPlan { _ in nil }
        let inUse = Set(ingest.draws.map(\.draw.id))
        for draw in auditor.waiting where !inUse.contains(draw) {
            let folder = DrawFolder(data: "/data", draw: draw)
            // Not before a clock that is set back could open the draw again.
            let closed = plan.first { $0.draw == draw }?.cutOff?.milliseconds ?? 0
            guard DrawState.isFinal(folder, on: disk), closed + 10_800_000 < now.milliseconds else { continue }
            auditor.audit(folder, on: disk)
            remove(folder)
        }
        auditor.auditEvents(disk)
        if agenda.isEmpty, auditor.waiting.allSatisfy(inUse.contains) { releaseAll(ingest) }
    }

    /// At the end the last draws are audited although the service still has them open.
    private func releaseAll(_ ingest: SimulatedIngest) {
        for draw in auditor.waiting {
            let folder = DrawFolder(data: "/data", draw: draw)
            if DrawState.isFinal(folder, on: disk) { auditor.audit(folder, on: disk) }
        }
    }

    private func remove(_ folder: DrawFolder) {
        for name in (try? disk.names(in: folder.path)) ?? [] { try? disk.remove("\(folder.path)/\(name)") }
        try? disk.remove(folder.path)
        try? disk.syncFolder(folder.data.draws)
    }
}

// MARK: - Faults

extension SimulatedDays {
    private func breakSomething(_ ingest: SimulatedIngest) {
        guard faultsLeft > 0 else { return }
        faultsLeft -= 1
        switch number(in: 0...9) {
        case 0, 1: kill()
        case 2: losePower(.random(seed: random.next()))
        case 3: losePower([.losesUnsynced, .keepsUnsynced, .tearsSectors, .reorders][number(in: 0...3)])
        case 4: stop(ingest)
        case 5, 6:
            let index = number(in: 0...15)
            let fault: SimulatedDisk.Fault =
                chance(2) ? .failsAndIsNotPersisted(errno: 5) : .failsButIsPersisted(errno: 28)
            disk.setPlan { $0.index == index && $0.name != "open" && $0.name != "list" ? fault : nil }
        default: setClock(ingest)
        }
    }

    /// Sets the wall clock an hour back or forth.
    private func setClock(_ ingest: SimulatedIngest) {
        let step = chance(2) ? 3_600_000 : -3_600_000
        time.withLockedValue { $0 = UInt64(max(0, Int($0) + step)) }
        if step < 0 {
            agenda =
                (agenda
                + plan.flatMap { [$0.opens.milliseconds, $0.cutOff?.milliseconds ?? 0] }.filter {
                    $0 > now.milliseconds
                }).sorted()
        }
        auditor.passed(now)
        auditor.clockWasSet()
        ingest.stepClock(milliseconds: step)
    }

    /// Kills the service as `kill -9` does: its writes stay in the page cache.
    private func kill() {
        ingest = nil
        pending = []
        // The service is down for a moment, or past some cut-offs.
        if chance(2) { time.withLockedValue { $0 += UInt64(number(in: 0...5_400_000)) } }
        auditor.passed(now)
    }

    private func losePower(_ loss: SimulatedDisk.PowerLoss) {
        ingest = nil
        pending = []
        disk.losePower(loss)
        if chance(2) { time.withLockedValue { $0 += UInt64(number(in: 0...7_200_000)) } }
        auditor.passed(now)
    }

    private func stop(_ ingest: SimulatedIngest) {
        do {
            try ingest.stop()
            commit(ingest)
        } catch {
            return die()
        }
        kill()
    }

    /// Handles an error that ended the service: everything that it had not synced may be lost.
    private func die() {
        losePower(.random(seed: random.next()))
    }
}

extension Message {
    /// The sequence of the chunk that the message answers.
    fileprivate var sequence: UInt32? {
        switch self {
        case .chunkProcessed(let processed): processed.sequence
        case .chunkRejected(let rejected): rejected.sequence
        default: nil
        }
    }
}

extension ConnectionEvent {
    /// Returns the event of a whole frame.
    fileprivate static func frame(of message: Message) -> ConnectionEvent {
        .frame(Frame(Array(message.encoded[Limits.frameLengthBytes...])))
    }
}
