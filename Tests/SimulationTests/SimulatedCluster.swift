import Domain
import Ledger
import ReplicatedLedger
import TestKit
import WireProtocol

@testable import Agency

/// A draw on several nodes over a simulated engine: agencies move between nodes, nodes are killed and paused, outcomes are
/// lost, and the cut-off comes at any moment.
///
/// Each step is one of the things that could happen next, chosen by the seed.
final class SimulatedCluster {
    private enum Request {
        case hello
        case chunk(SubjectWriter.Chunk)
    }

    private enum Answer {
        case welcome(AgencyStanding)
        case stored(UInt32)
        case conflict(UInt32)
        case closed(UInt32)
        case ended
    }

    private struct Connection {
        var id: UInt64
        var agency: Int
        var node: Int
        /// Of the node's process: a killed node forgets its connections.
        var life: Int
        var requests: [Request] = []
        var answers: [Answer] = []
    }

    private struct Agency {
        var chunks: [SubjectWriter.Chunk]
        var connection: UInt64?
        var isWelcome = false
        /// The next chunk to send, and the first without an answer; from 1.
        var next: UInt32 = 1
        var firstUnanswered: UInt32 = 1
        var acknowledged: Set<UInt32> = []
        var late: Set<UInt32> = []
        var isDone = false
    }

    private struct Node {
        var life = 0
        var pausedSteps = 0
        var writers: [AgencyID: SubjectWriter] = [:]
        var mustClose = false
    }

    /// An operation of the engine that has not happened yet, for a node's process.
    private enum Operation {
        case publish(AgencyMessage, after: UInt64, attempt: UInt64, node: Int, life: Int)
        /// The outcome of a publish, in flight.
        case outcome(PublishOutcome, AgencyID, attempt: UInt64, node: Int, life: Int)
        case read(AgencyID, node: Int, life: Int)
        case compare(SubjectWriter.Chunk, AgencyID, connection: UInt64)
    }

    private static let time = Instant(milliseconds: 1_763_676_675_000)

    private var dice: SplitMix64
    private(set) var engine: SimulatedEngine
    private var nodes: [Node]
    private var agencies: [Agency]
    private var connections: [UInt64: Connection] = [:]
    private var operations: [Operation] = []
    private var lastConnection: UInt64 = 0
    private var stepsToCutOff: Int
    private var lost: [AgencyID: [LostChunks]] = [:]
    private(set) var steps = 0
    /// The first broken promise.
    private(set) var violation: String?

    init(seed: UInt64, vice: SimulatedEngine.Vice = .none) {
        dice = SplitMix64(seed: seed)
        engine = SimulatedEngine(vice)
        nodes = (0..<Int.random(in: 2...5, using: &dice)).map { _ in Node() }
        let count = Int.random(in: 1...4, using: &dice)
        agencies = []
        for agency in 1...count {
            let last = UInt32.random(in: 1...5, using: &dice)
            agencies.append(Agency(chunks: (1...last).map { Self.chunk(agency, $0, isLast: $0 == last) }))
        }
        stepsToCutOff = dice.happens(0.5) ? Int.random(in: 1...400, using: &dice) : .max
    }

    private static let samples: [SubjectWriter.Chunk] = (1...4).flatMap { agency in
        (1...5).flatMap { sequence in
            [false, true].map { isLast in
                let chunk = Samples.chunk(agency: agency, sequence: UInt32(sequence), count: 1, isLast: isLast)
                let digest = BetsDigest(BetColumns(chunk.bets, count: 1))
                return SubjectWriter.Chunk(
                    kind: isLast ? .lastChunk : .chunk, sequence: UInt32(sequence), count: 1, betCount: 1,
                    digest: digest, bytes: chunk.frame, payloadIndex: Chunk.betsIndex,
                    payloadChecksum: digest.chunkChecksum)
            }
        }
    }

    private static func payload(of chunk: SubjectWriter.Chunk) -> [UInt8] { Array(chunk.bytes[chunk.payloadIndex...]) }

    private static func chunk(_ agency: Int, _ sequence: UInt32, isLast: Bool) -> SubjectWriter.Chunk {
        samples[((agency - 1) * 5 + Int(sequence) - 1) * 2 + (isLast ? 1 : 0)]
    }

    private func id(_ agency: Int) -> AgencyID { AgencyID(UInt32(agency + 1)) }

    // MARK: The draw

    /// Runs until every agency has an end.
    func run() {
        while agencies.contains(where: { !$0.isDone }), violation == nil {
            steps += 1
            guard steps < 50_000 else {
                violation = "no end after \(steps) steps"
                return
            }
            if steps == stepsToCutOff { for node in nodes.indices { nodes[node].mustClose = true } }
            step()
        }
        // The operations in flight take place.
        for _ in 0..<200 { operate() }
    }

    private func step() {
        switch Int.random(in: 0..<100, using: &dice) {
        case 0..<30: operate()
        case 30..<55: deliverRequest()
        case 55..<75: deliverAnswer()
        case 75..<93: act()
        case 93..<95: dropConnection()
        case 95: killNode()
        case 96: nodes[Int.random(in: nodes.indices, using: &dice)].pausedSteps = Int.random(in: 1...300, using: &dice)
        case 97: engine.rot(using: &dice)
        default: closeSomething()
        }
        for node in nodes.indices where nodes[node].pausedSteps > 0 { nodes[node].pausedSteps -= 1 }
    }

    /// An agency connects, or sends its next chunk.
    private func act() {
        let index = Int.random(in: agencies.indices, using: &dice)
        guard !agencies[index].isDone else { return }
        guard let connection = agencies[index].connection else {
            lastConnection += 1
            let node = Int.random(in: nodes.indices, using: &dice)
            connections[lastConnection] = Connection(
                id: lastConnection, agency: index, node: node, life: nodes[node].life, requests: [.hello])
            agencies[index].connection = lastConnection
            agencies[index].isWelcome = false
            return
        }
        let agency = agencies[index]
        guard agency.isWelcome, agency.next <= agency.chunks.count, agency.next < agency.firstUnanswered + 3 else {
            return
        }
        connections[connection]?.requests.append(.chunk(agency.chunks[Int(agency.next) - 1]))
        agencies[index].next += 1
    }

    /// An agency connects elsewhere; what it sent before may still arrive.
    private func dropConnection() {
        agencies[Int.random(in: agencies.indices, using: &dice)].connection = nil
    }

    private func killNode() {
        let node = Int.random(in: nodes.indices, using: &dice)
        nodes[node].life += 1
        nodes[node].writers = [:]
        for (id, connection) in connections where connection.node == node {
            connections[id] = nil
            if agencies[connection.agency].connection == id { agencies[connection.agency].connection = nil }
        }
    }

    /// After the cut-off, a node ends an agency.
    private func closeSomething() {
        let node = Int.random(in: nodes.indices, using: &dice)
        guard nodes[node].mustClose, nodes[node].pausedSteps == 0 else { return }
        let agency = id(Int.random(in: agencies.indices, using: &dice))
        feed(node, agency) { $0.close(at: Self.time) }
    }

    // MARK: Between agencies and nodes

    private func deliverRequest() {
        let ready = connections.values.filter { !$0.requests.isEmpty && nodes[$0.node].pausedSteps == 0 }
        guard let connection = ready.sorted(by: { $0.id < $1.id }).randomElement(using: &dice) else { return }
        guard let request = connections[connection.id]?.requests.removeFirst() else { return }
        feed(connection.node, id(connection.agency)) { writer in
            switch request {
            case .hello: writer.hello(connection.id, at: Self.time)
            case .chunk(let chunk): writer.receive(chunk, from: connection.id, at: Self.time)
            }
        }
    }

    private func deliverAnswer() {
        let ready = connections.values.filter { !$0.answers.isEmpty }.sorted { $0.id < $1.id }
        guard let connection = ready.randomElement(using: &dice) else { return }
        guard let answer = connections[connection.id]?.answers.removeFirst() else { return }
        let index = connection.agency
        guard agencies[index].connection == connection.id else { return }
        switch answer {
        case .welcome(let standing): welcome(index, standing)
        case .stored(let sequence):
            agencies[index].acknowledged.insert(sequence)
            agencies[index].firstUnanswered = max(agencies[index].firstUnanswered, sequence + 1)
            if Int(sequence) == agencies[index].chunks.count { agencies[index].isDone = true }
        case .conflict(let sequence):
            violation = "agency \(index + 1) got a conflict for its own chunk \(sequence)"
        case .closed(let sequence):
            agencies[index].late.insert(sequence)
            agencies[index].isDone = true
        case .ended:
            agencies[index].connection = nil
        }
    }

    private func welcome(_ index: Int, _ standing: AgencyStanding) {
        let highest = agencies[index].acknowledged.max() ?? 0
        if standing.nextSequence <= highest, lost[id(index)] == nil {
            violation = "WELCOME of agency \(index + 1) says \(standing.nextSequence), but \(highest) was acknowledged"
        }
        agencies[index].isWelcome = true
        agencies[index].next = standing.nextSequence
        agencies[index].firstUnanswered = standing.nextSequence
        for sequence in 1..<standing.nextSequence { agencies[index].acknowledged.insert(sequence) }
        if standing.isFinished { agencies[index].isDone = true }
    }

    // MARK: Between nodes and the engine

    private func feed(_ node: Int, _ agency: AgencyID, _ input: (inout SubjectWriter) throws -> [SubjectWriter.Output])
    {
        let number = UInt64(node) << 32 | UInt64(nodes[node].life)
        var writer = nodes[node].writers[agency] ?? SubjectWriter(agency: agency, node: number)
        writer.lost = lost[agency] ?? []
        writer.lostFrom = lost[agency]?.first?.before
        let outputs: [SubjectWriter.Output]
        do {
            outputs = try input(&writer)
        } catch {
            violation = "a node read a message that contradicts itself: \(error)"
            return
        }
        nodes[node].writers[agency] = writer
        let life = nodes[node].life
        for output in outputs {
            switch output {
            case .publish(let bytes, let expected, let attempt):
                guard let message = try? AgencyMessage(bytes) else {
                    violation = "a node published bytes that are not a message"
                    return
                }
                operations.append(
                    .publish(message, after: expected, attempt: attempt, node: node, life: life))
            case .readLast: operations.append(.read(agency, node: node, life: life))
            case .compare(let connection, let chunk):
                operations.append(.compare(chunk, agency, connection: connection))
            case .welcome(let connection, let standing): answer(connection, .welcome(standing))
            case .acknowledged(let connection, let sequence, _): answer(connection, .stored(sequence))
            case .closed(let connection, let sequence): answer(connection, .closed(sequence))
            case .conflict(let connection, let sequence): answer(connection, .conflict(sequence))
            case .outOfOrder(let connection, _, _), .superseded(let connection): answer(connection, .ended)
            }
        }
    }

    private func answer(_ connection: UInt64, _ answer: Answer) { connections[connection]?.answers.append(answer) }

    /// Something happens in the engine, in any order.
    private func operate() {
        guard let index = operations.indices.randomElement(using: &dice) else { return }
        let operation = operations.remove(at: index)
        switch operation {
        case .publish(let message, let expected, let attempt, let node, let life):
            let agency = message.agency
            func report(_ outcome: PublishOutcome) {
                operations.append(.outcome(outcome, agency, attempt: attempt, node: node, life: life))
            }
            switch Int.random(in: 0..<20, using: &dice) {
            case 0:  // The node gives up, and the engine stores it later.
                operations.append(.publish(message, after: expected, attempt: attempt, node: node, life: -1))
                report(.unknown)
            case 3:  // Its outcome arrives twice, the second time as given up or much later.
                let outcome = engine.publish(message, after: expected)
                report(outcome)
                report(dice.happens(0.5) ? .unknown : outcome)
            case 1:  // It never arrives.
                report(.unknown)
            case 2:  // Its outcome is lost.
                _ = engine.publish(message, after: expected)
                report(.unknown)
            default:
                let outcome = engine.publish(message, after: expected)
                report(outcome)
            }
        case .outcome(let outcome, let agency, let attempt, let node, let life):
            guard life == nodes[node].life else { return }
            guard nodes[node].pausedSteps == 0 else { return operations.append(operation) }
            feed(node, agency) { $0.published(outcome, of: attempt, at: Self.time) }
        case .read(let agency, let node, let life):
            guard life == nodes[node].life else { return }
            guard nodes[node].pausedSteps == 0 else { return operations.append(operation) }
            let last = engine.last(of: agency, using: &dice)
            feed(node, agency) { try $0.read(last, at: Self.time) }
        case .compare(let chunk, let agency, let connection):
            guard let record = engine.record(of: agency, chunk.sequence) else { return operations.append(operation) }
            let isSame = record.payload == Self.payload(of: chunk) && record.header.kind == chunk.kind
            answer(connection, isSame ? .stored(chunk.sequence) : .conflict(chunk.sequence))
        }
    }

    /// After the draw the engine loses messages, and their agencies run again.
    ///
    /// - Returns: the records of the whole draw.
    /// - Throws: ``ChainFault``.
    func sendLostAgain() throws(ChainFault) -> [AgencyID: [AgencyMessage.Record]] {
        engine.loseInside(using: &dice)
        for _ in 1...3 {
            var check = StreamCheck()
            for (sequence, message) in engine.stream { _ = try check.add(message, sequence: sequence) }
            if let repairs = check.completeRepairs { return try checkedRecords(repairs) }
            lost = check.damage(of: DrawAgencies(UInt32(agencies.count)))?.lost ?? [:]
            if lost.isEmpty { break }
            for index in agencies.indices where lost[id(index)] != nil {
                agencies[index].isDone = false
                agencies[index].connection = nil
            }
            run()
        }
        return try checkedRecords()
    }

    // MARK: The audit

    /// Checks the stream as the seal does.
    ///
    /// - Throws: ``ChainFault``.
    func checkedRecords(
        _ repairs: StreamCheck.Repairs = StreamCheck.Repairs()
    ) throws(ChainFault) -> [AgencyID: [AgencyMessage.Record]] {
        var check = StreamCheck(repairs)
        var records: [AgencyID: [AgencyMessage.Record]] = [:]
        for (sequence, message) in engine.stream {
            records[message.agency, default: []] += try check.add(message, sequence: sequence)
        }
        let expected = DrawAgencies(UInt32(agencies.count))
        if let damage = check.damage(of: expected) { throw ChainFault("\(damage)") }
        let unfinished = check.unfinished(of: expected)
        if !unfinished.isEmpty { throw ChainFault("agencies without an end: \(unfinished)") }
        return records
    }

    /// Whether the draw has the first chunks of each agency, and lacks only later ones.
    func hasLostEndsOnly(_ records: [AgencyID: [AgencyMessage.Record]]) -> Bool {
        agencies.enumerated().allSatisfy { index, agency in
            zip(records[id(index)] ?? [], agency.chunks).allSatisfy { $0.payload == Self.payload(of: $1) }
        }
    }

    /// The difference between what agencies were told and what the draw has; nil without one.
    func difference(from records: [AgencyID: [AgencyMessage.Record]]) -> String? {
        for (index, agency) in agencies.enumerated() {
            let stored = records[id(index)] ?? []
            for (position, record) in stored.enumerated() {
                guard position < agency.chunks.count, record.payload == Self.payload(of: agency.chunks[position]),
                    Int(record.header.sequence) == position + 1
                else { return "agency \(index + 1): record \(position + 1) is not its chunk" }
            }
            if let lost = agency.acknowledged.first(where: { Int($0) > stored.count }) {
                return "agency \(index + 1): chunk \(lost) was acknowledged, and \(stored.count) are in the draw"
            }
            if let late = agency.late.first(where: { Int($0) <= stored.count }) {
                return "agency \(index + 1): chunk \(late) was late, and is in the draw"
            }
        }
        return nil
    }
}
