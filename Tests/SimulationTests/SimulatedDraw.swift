import Dialects
import Domain
import Ledger
import NIOConcurrencyHelpers
import NIOCore
import NIOEmbedded
import Shell
import Storage
import TestKit

@testable import BetIngest

/// A whole draw on one thread: both services, agencies of all kinds, network, disk and clock.
///
/// A seed determines everything.
///
/// The scheduler picks one small step after another: bytes arrive, a worker takes a turn, the committer commits, an
/// agency takes a step, time passes, a fault happens. The number of faults is limited, so the draw must end.
final class SimulatedDraw {
    /// A fault that the auditor must detect, which proves that the simulation detects faults.
    enum Canary {
        /// A sync returns without effect.
        case syncLies
    }

    private struct Faults {
        var left: Int
        var isDiskArmed = false
    }

    let auditor = LedgerAuditor()
    private let seed: UInt64
    private var random: SeededGenerator
    private let configuration: ServiceConfiguration
    private let disk: SimulatedDisk
    private let canary: Canary?
    private let loop = EmbeddedEventLoop()
    private static let startTime: UInt64 = 1_763_676_675_000
    private let time = NIOLockedValueBox<UInt64>(startTime)
    private var ingest: SimulatedIngest?
    private var winners: SimulatedWinners?
    private var agencies: [any SimulatedAgency] = []
    private var connections: [SimulatedConnection] = []
    private var ingestConnections: [SimulatedConnection] = []
    private var winnersConnections: [SimulatedConnection] = []
    private var faults: Faults
    private var resultStamp: FileStamp?
    private(set) var steps = 0
    /// A hash of every message that agencies received, in order: the same for the same seed.
    private(set) var traceHash: UInt64 = 14_695_981_039_346_656_037

    init(seed: UInt64, canary: Canary? = nil) throws {
        self.seed = seed
        self.canary = canary
        var random = SeededGenerator(seed: seed)
        let count = Int.random(in: 2...4, using: &random)
        configuration = try Self.configuration(agencies: count, window: Int.random(in: 1...4, using: &random))
        disk = SimulatedDisk()
        faults = Faults(left: Bool.random(using: &random) ? Int.random(in: 1...6, using: &random) : 0)
        self.random = random
        setPlan()
        for number in 1...count { addAgency(AgencyID(UInt32(number))) }
    }

    /// A cache, because making a configuration takes longer than most draws.
    private static let configurations = NIOLockedValueBox<[[Int]: ServiceConfiguration]>([:])

    private static func configuration(agencies: Int, window: Int) throws -> ServiceConfiguration {
        if let known = configurations.withLockedValue({ $0[[agencies, window]] }) { return known }
        let flags = [
            "agencies": "\(agencies)", "ingest.window": "\(window)", "draw.winningNumber": "7", "data": "/data",
            "ingest.bufferBytes": "\(Limits.largestMaxFrameBytes)", "ingest.maxFrameBytes": "65536",
        ]
        let configuration = try ServiceConfiguration(flags: flags, environment: [:], file: nil)
        configurations.withLockedValue { $0[[agencies, window]] = configuration }
        return configuration
    }

    // MARK: Used by agencies

    func number(in range: ClosedRange<Int>) -> Int { Int.random(in: range, using: &random) }

    /// Whether an event of probability 1 / `outOf` happens.
    func chance(_ outOf: Int) -> Bool { number(in: 1...outOf) == 1 }

    /// The time since the draw began.
    var elapsed: Duration { .milliseconds(time.withLockedValue { Int($0 - Self.startTime) }) }

    func trace(_ text: String) {
        for byte in text.utf8 { traceHash = (traceHash ^ UInt64(byte)) &* 1_099_511_628_211 }
    }

    func connectIngest(_ dialect: (any Dialect)?, agency: AgencyID) -> SimulatedConnection? {
        guard let ingest else { return nil }
        let connection = ingest.connect(dialect, peer: "10.0.0.\(agency):\(steps)")
        ingestConnections.append(connection)
        return connection
    }

    func connectWinners(_ dialect: (any Dialect)?) -> SimulatedConnection? {
        guard let winners else { return nil }
        let connection = winners.connect(dialect)
        winnersConnections.append(connection)
        return connection
    }

    private func addAgency(_ id: AgencyID) {
        let isNative = chance(2)
        if isNative, chance(2) {
            let agency = SimulatedShippedAgency(id, self)
            agencies.append(agency)
            auditor.plan(id, agency.planned, isNative: true)
            return
        }
        var planned: [LedgerAuditor.Planned] = []
        for index in 0..<number(in: 1...4) {
            var bets = (0..<number(in: 1...3)).map { bet in
                var bet = Samples.bet(Int(id.rawValue) * 10_000 + index * 100 + bet)
                bet.number = chance(3) ? 7 : UInt16(8 + index)
                return bet
            }
            // The first chunk is good: some dialects name the agency only in bets.
            let isBad = index > 0 && chance(5)
            if isBad { bets[bets.count - 1].birthdate = Birthdate(packed: 19_990_230) }
            planned.append(.init(bets: bets, isBad: isBad, isLast: false))
        }
        if isNative {
            planned.append(.init(bets: [], isBad: false, isLast: true))
            agencies.append(SimulatedNativeAgency(id, planned))
        } else {
            agencies.append(
                SimulatedDialectAgency(id, planned, DialectPair.all[number(in: 0...DialectPair.all.count - 1)]))
        }
        auditor.plan(id, planned, isNative: isNative)
    }
}

// MARK: - The scheduler

extension SimulatedDraw {
    /// Runs to the end of the draw.
    ///
    /// - Returns: the faults found, each with the invariant that it breaks.
    func run(maxSteps: Int = 40_000) -> [String] {
        defer { for agency in agencies { agency.end() } }
        while agencies.contains(where: { !$0.isDone }) {
            guard steps < maxSteps else {
                let waiting = agencies.filter { !$0.isDone }.map(\.state).joined(separator: "; ")
                return auditor.faults + ["no end after \(steps) steps: \(waiting), seed \(seed)"]
            }
            step()
            guard auditor.faults.isEmpty else { break }
        }
        if auditor.faults.isEmpty { end() }
        return auditor.faults.map { "\($0), seed \(seed)" }
    }

    private func step() {
        steps += 1
        if ingest == nil || winners == nil { startServices() }
        switch number(in: 0...99) {
        case 0..<34: deliver()
        case 34..<52: ingest?.work()
        case 52..<64: ingest?.commit()
        case 64..<84: agencies[number(in: 0...agencies.count - 1)].step(self)
        case 84..<91: handleEvent()
        case 91..<94: winners?.look()
        case 94..<97: passTime()
        default: breakSomething()
        }
        settle()
    }

    /// Runs the loops and collects what was written.
    private func settle() {
        loop.run()
        for connection in ingestConnections { connection.collect() }
        for connection in winnersConnections { connection.collect() }
        let stamp = disk.stamp(configuration.folder.result)
        if stamp != resultStamp {
            resultStamp = stamp
            auditor.published(disk.bytes(configuration.folder.result))
        }
        guard steps % 32 == 0 else { return }
        let kept = agencies.compactMap(\.connection)
        let isOver = { (connection: SimulatedConnection) in
            connection.isGone || connection.isEnded && !kept.contains { $0 === connection }
        }
        ingestConnections.removeAll(where: isOver)
        winnersConnections.removeAll(where: isOver)
    }

    private func deliver() {
        let all = ingestConnections + winnersConnections
        guard !all.isEmpty else { return }
        let connection = all[number(in: 0...all.count - 1)]
        let byteCount = chance(3) ? number(in: 1...16) : 100_000
        if chance(2) { connection.deliverIncoming(byteCount) } else { connection.deliverOutgoing(byteCount) }
    }

    private func passTime() {
        let seconds = chance(20) ? number(in: 1...200) : number(in: 0...2)
        loop.advanceTime(by: .seconds(Int64(seconds)))
        time.withLockedValue { $0 += UInt64(seconds) * 1000 + 1 }
        ingest?.sweep()
        winners?.sweep()
    }

    private func handleEvent() {
        do {
            try ingest?.handleEvent()
        } catch {
            die(error)
        }
    }

    private func startServices() {
        if winners == nil { winners = SimulatedWinners(configuration, on: disk, loop: loop) }
        guard ingest == nil else { return }
        do {
            ingest = try SimulatedIngest(
                configuration, on: disk, loop: loop, ledgerID: seed | 1,
                clock: { [time] in time.withLockedValue { $0 } })
        } catch let error as LedgerError {
            die(error)
        } catch let error as DiskError {
            die(error)
        } catch {
            auditor.violated("the service does not start: \(error)")
        }
    }

    /// Audits the finished draw, and audits it again after a final power loss.
    private func end() {
        faults.isDiskArmed = false
        setPlan()
        trace("\(disk.bytes(configuration.folder.ledger)?.count ?? 0)")
        auditor.audit(disk, configuration.folder, winningNumber: 7)
        crash(.losesUnsynced)
        startServices()
        if ingest == nil { auditor.violated("the service does not start after the draw") }
        auditor.published(disk.bytes(configuration.folder.result))
        auditor.audit(disk, configuration.folder, winningNumber: 7)
        dropConnections(&ingestConnections)
        dropConnections(&winnersConnections)
    }
}

// MARK: - Faults

extension SimulatedDraw {
    private func breakSomething() {
        guard faults.left > 0 else { return }
        faults.left -= 1
        switch number(in: 0...8) {
        case 0: drop()
        case 1: crash(.random(seed: random.next()))
        case 2: crash([.losesUnsynced, .keepsUnsynced, .tearsSectors, .reorders][number(in: 0...3)])
        case 3: stop()
        case 4:
            winners = nil
            dropConnections(&winnersConnections)
        case 5: agencies[number(in: 0...agencies.count - 1)].hangUp()
        case 6: faults.isDiskArmed = true
        case 7: ingestConnections.randomElement(using: &random)?.endInput()
        default: ingestConnections.randomElement(using: &random)?.reset()
        }
        if faults.isDiskArmed { setPlan() }
    }

    /// Kills the ingest service as `kill -9` does: its writes stay in the page cache.
    private func drop() {
        trace("kill")
        ingest = nil
        dropConnections(&ingestConnections)
    }

    private func crash(_ loss: SimulatedDisk.PowerLoss) {
        trace("power")
        drop()
        winners = nil
        dropConnections(&winnersConnections)
        disk.losePower(loss)
        setPlan()
    }

    /// Stops the ingest service as a stop signal does.
    private func stop() {
        trace("stop")
        do {
            try ingest?.stop()
            settle()
            ingest = nil
            dropConnections(&ingestConnections, delivers: true)
        } catch {
            die(error)
        }
    }

    /// Handles an error that ended the service: everything that it had not synced may be lost.
    private func die(_ error: any Error) {
        trace("exit")
        ingest = nil
        dropConnections(&ingestConnections)
        winners = nil
        dropConnections(&winnersConnections)
        disk.losePower(.random(seed: random.next()))
        faults.isDiskArmed = false
        setPlan()
    }

    /// Closes all connections of a process that has ended.
    private func dropConnections(_ connections: inout [SimulatedConnection], delivers: Bool = false) {
        for connection in connections {
            if delivers, chance(2) { connection.deliverIncoming(.max) }
            connection.reset()
        }
        loop.run()
        connections.removeAll()
    }

    /// Arms the disk if faults are due: one of the next calls fails or writes less.
    private func setPlan() {
        if canary == .syncLies {
            disk.setPlan { $0.name == "sync" ? .lies : nil }
            return
        }
        guard faults.isDiskArmed else {
            disk.setPlan { _ in nil }
            return
        }
        faults.isDiskArmed = false
        let index = number(in: 0...12)
        let fault: SimulatedDisk.Fault =
            switch number(in: 0...3) {
            case 0: .failsAndIsNotPersisted(errno: 5)
            case 1: .failsButIsPersisted(errno: 5)
            case 2: .failsAndIsNotPersisted(errno: 28)
            default: .takesOnly(bytes: 4096)
            }
        disk.setPlan { $0.index == index && $0.name != "open" ? fault : nil }
    }
}
