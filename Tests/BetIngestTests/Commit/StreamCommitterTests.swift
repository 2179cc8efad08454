import Domain
import Ledger
import NIOConcurrencyHelpers
import Platform
import ReplicatedLedger
import TestKit
import Testing
import WireProtocol

@testable import BetIngest

/// Nodes of a cluster over one engine in memory.
struct StreamCommitterTests {
    private static let stream = EngineStream.bets(Samples.draw)

    /// Sends all chunks of an agency through nodes, and begins again elsewhere when a connection ends.
    ///
    /// - Parameter each: how many chunks a connection carries.
    private func send(_ agency: UInt32, chunks: Int, each: Int, to nodes: [StreamFixture]) {
        var next = 1
        var turn = Int(agency)
        while next <= chunks {
            let link = nodes[turn % nodes.count].join(agency)
            turn += 1
            guard let welcome = Int(link.wait().split(separator: " ").last ?? "") else { continue }
            next = welcome
            let last = min(chunks, next + each - 1)
            guard next <= last else { return }
            for sequence in next...last {
                link.send(Samples.chunk(agency: Int(agency), sequence: UInt32(sequence), isLast: sequence == chunks))
            }
            for index in 1...(last - next + 1) {
                guard link.wait(index) == "ok \(next)" else { break }
                next += 1
            }
        }
    }

    @Test("chunks are acknowledged in order, and the sealed ledger has them")
    func draw() throws {
        let engine = MemoryEngine()
        let node = try StreamFixture(engine)
        defer { node.stop() }
        for agency in 1...3 as ClosedRange<UInt32> { send(agency, chunks: 5, each: 5, to: [node]) }
        node.sealOnceFinished()
        let seal = try node.waitForSeal()
        #expect(seal.bets == 45 && seal.reason == .allFinished && seal.unfinished.isEmpty)
        let contents = try LedgerContents(reading: StreamFixture.folder.ledger, on: node.disk)
        #expect(contents.chunkCount == 15 && contents.standings.seal == seal && contents.end.isClosed)
        #expect(node.committer.snapshot.standings.storedBets == 45)
    }

    @Test(
        "agencies that move between nodes while answers get lost: one ledger, the same on each node",
        arguments: 1...(8 as UInt64))
    func moves(_ seed: UInt64) throws {
        let engine = MemoryEngine(seed: seed, faults: .init(all: 0.1))
        let nodes = try (1...3).map { try StreamFixture(engine, node: $0) }
        defer { for node in nodes { node.stop() } }
        for agency in 1...3 as ClosedRange<UInt32> { send(agency, chunks: 12, each: 4, to: nodes) }
        for node in nodes {
            // Each learns of the others' agencies by looking.
            node.sealOnceFinished()
        }
        let seals = try nodes.map { try $0.waitForSeal() }
        #expect(seals.allSatisfy { $0.bets == 108 })
        let ledgers = nodes.map { $0.ledgerBytes() }
        #expect(ledgers[0] != nil && ledgers.allSatisfy { $0 == ledgers[0] })
        let contents = try LedgerContents(reading: StreamFixture.folder.ledger, on: nodes[0].disk)
        for agency in 1...3 as ClosedRange<UInt32> { #expect(contents.standings[AgencyID(agency)].storedBets == 36) }
    }

    @Test("a second connection of an agency takes over, on the same node and on another one")
    func takeOver() throws {
        let engine = MemoryEngine()
        let nodes = try (1...2).map { try StreamFixture(engine, node: $0) }
        defer { for node in nodes { node.stop() } }
        let first = nodes[0].join(1)
        #expect(first.wait() == "welcome 1")
        first.send(Samples.chunk(agency: 1, sequence: 1))
        #expect(first.wait(1) == "ok 1")
        let second = nodes[0].join(1)
        #expect(second.wait() == "welcome 2")
        #expect(first.wait(2) == "error superseded")
        let third = nodes[1].join(1)
        #expect(third.wait() == "welcome 2")
        second.send(Samples.chunk(agency: 1, sequence: 2))
        #expect(second.wait(1) == "error superseded")
        third.send(Samples.chunk(agency: 1, sequence: 2))
        #expect(third.wait(1) == "ok 2")
    }

    @Test(
        "a repeated chunk gets its answer again, another one under its sequence a conflict, a gap ends the connection")
    func repetitions() throws {
        let engine = MemoryEngine()
        let node = try StreamFixture(engine)
        defer { node.stop() }
        let link = node.join(1)
        for sequence in 1...9 as ClosedRange<UInt32> {
            link.send(Samples.chunk(agency: 1, sequence: sequence))
            #expect(link.wait(Int(sequence)) == "ok \(sequence)")
        }
        link.send(Samples.chunk(agency: 1, sequence: 4))
        link.send(Samples.chunk(agency: 2, sequence: 7))
        link.send(Samples.chunk(agency: 1, sequence: 10))
        #expect(link.wait(10) == "ok 4")
        #expect(link.wait(11) == "no 7 conflict")
        #expect(link.wait(12) == "ok 10")
        link.send(Samples.chunk(agency: 1, sequence: 12))
        #expect(link.wait(13) == "error sequenceGap")
    }

    @Test("chunks that arrive while a message is being stored are stored together in the next one")
    func together() throws {
        let engine = MemoryEngine()
        let node = try StreamFixture(engine)
        defer { node.stop() }
        let link = node.join(1)
        #expect(link.wait() == "welcome 1")
        engine.keepOutcomes()
        for sequence in 1...9 as ClosedRange<UInt32> {
            link.send(Samples.chunk(agency: 1, sequence: sequence, isLast: sequence == 9))
        }
        let other = node.join(2)
        // The first chunks, and the other agency's connection, which is handled after all of them.
        engine.reportOutcomes(of: 2)
        #expect(other.wait() == "welcome 1")
        for index in 1...9 { try #require(link.wait(index) == "ok \(index)") }
        let sizes = engine.messages(of: Self.stream).map(\.bytes.count)
        // Two connections, the first chunks, and two messages of at most 5,000 bytes.
        #expect(sizes.count <= 5, "\(sizes)")
    }

    @Test("a rejected chunk is recorded and rejected again, also by another node")
    func rejections() throws {
        let engine = MemoryEngine()
        let nodes = try (1...2).map { try StreamFixture(engine, node: $0) }
        defer { for node in nodes { node.stop() } }
        let link = nodes[0].join(1)
        let chunk = Samples.chunk(agency: 1, sequence: 1)
        link.send(chunk, fault: .noBets)
        let answer = link.wait(1)
        #expect(answer.hasPrefix("no 1 "))
        let other = nodes[1].join(1)
        #expect(other.wait() == "welcome 2")
        other.send(chunk, fault: .noBets)
        #expect(other.wait(1) == answer)
    }

    @Test("at the cut-off every node ends the agencies for the same reason; later chunks are late and listed")
    func cutOff() throws {
        let time = NIOLockedValueBox(StreamFixture.time)
        let cutOff = Instant(milliseconds: StreamFixture.time + 1000)
        let engine = MemoryEngine()
        let nodes = try (1...2).map {
            try StreamFixture(engine, node: $0, cutOff: cutOff, clock: { time.withLockedValue { $0 } })
        }
        defer { for node in nodes { node.stop() } }
        let link = nodes[0].join(1)
        link.send(Samples.chunk(agency: 1, sequence: 1))
        #expect(link.wait(1) == "ok 1")
        send(2, chunks: 3, each: 3, to: nodes)
        time.withLockedValue { $0 += 1000 }
        link.send(Samples.chunk(agency: 1, sequence: 2))
        #expect(link.wait(2) == "no 2 drawClosed")
        #expect(nodes[0].facts.withLock { $0.late } == [AgencyID(1)])
        // The clock of the other node says so too.
        nodes[1].committer.seal(.cutOff)
        let seals = try nodes.map { try $0.waitForSeal() }
        #expect(seals[0] == seals[1] && seals[0].reason == .cutOff && seals[0].instant == cutOff)
        #expect(seals[0].unfinished == [AgencyID(1)] && seals[0].absent == [AgencyID(3)] && seals[0].bets == 12)
        #expect(nodes[0].ledgerBytes() == nodes[1].ledgerBytes())
        // The agency is told again, by any node.
        let again = nodes[1].join(1)
        #expect(again.wait() == "welcome 2")
        again.send(Samples.chunk(agency: 1, sequence: 1))
        again.send(Samples.chunk(agency: 1, sequence: 2))
        #expect(again.wait(1) == "ok 1" && again.wait(2) == "no 2 drawClosed")
    }

    @Test("a chunk for a void draw is told so on every node, also on one that has not heard of it")
    func void() throws {
        let engine = MemoryEngine()
        let nodes = try (1...2).map { try StreamFixture(engine, node: $0) }
        defer { for node in nodes { node.stop() } }
        let links = [nodes[0].join(1), nodes[1].join(2)]
        for (link, agency) in zip(links, 1...) {
            #expect(link.wait() == "welcome 1")
            link.send(Samples.chunk(agency: agency, sequence: 1))
            #expect(link.wait(1) == "ok 1")
        }
        nodes[0].committer.seal(.void)
        #expect(try nodes[0].waitForSeal().reason == .void)
        for (link, agency) in zip(links, 1...) {
            link.send(Samples.chunk(agency: agency, sequence: 2))
            #expect(link.wait(2) == "no 2 drawVoid")
        }
    }

    @Test("a moved cut-off holds on every node, and cannot be moved once the draw is closed")
    func movedCutOff() throws {
        let time = NIOLockedValueBox(StreamFixture.time)
        let cutOff = Instant(milliseconds: StreamFixture.time + 1000)
        let later = Instant(milliseconds: StreamFixture.time + 5000)
        let engine = MemoryEngine()
        let nodes = try (1...2).map {
            try StreamFixture(engine, node: $0, cutOff: cutOff, clock: { time.withLockedValue { $0 } })
        }
        defer { for node in nodes { node.stop() } }
        #expect(nodes[0].committer.moveCutOff(to: later, by: "ana"))
        time.withLockedValue { $0 += 2000 }
        // The other node has not heard of it and tries to close: the stored version stops it.
        nodes[1].committer.seal(.cutOff)
        let link = nodes[1].join(1)
        #expect(link.wait() == "welcome 1")
        link.send(Samples.chunk(agency: 1, sequence: 1))
        #expect(link.wait(1) == "ok 1")
        #expect(nodes[1].committer.cutOff == later)
        time.withLockedValue { $0 += 4000 }
        for node in nodes { node.committer.seal(.cutOff) }
        #expect(try nodes[0].waitForSeal() == (try nodes[1].waitForSeal()))
        #expect(!nodes[0].committer.moveCutOff(to: Instant(milliseconds: later.milliseconds + 9000), by: "ana"))
    }

    /// Sends all chunks of an agency to a node, each in a message of its own.
    private func sendSingly(_ agency: UInt32, chunks: Int, to node: StreamFixture) {
        let link = node.join(agency)
        for sequence in 1...chunks {
            link.send(Samples.chunk(agency: Int(agency), sequence: UInt32(sequence), isLast: sequence == chunks))
            #expect(link.wait(sequence) == "ok \(sequence)")
        }
    }

    /// The place of the message in the stream that has a chunk.
    private func place(of sequence: UInt32, _ agency: UInt32, in engine: MemoryEngine) -> Int? {
        engine.messages(of: Self.stream).firstIndex { stored in
            guard let message = try? AgencyMessage(stored.bytes), message.agency == AgencyID(agency) else {
                return false
            }
            return (try? message.checked().records.contains { $0.header.sequence == sequence }) ?? false
        }
    }

    @Test("a stream that lacks chunks is not sealed until their agency sends them again, to any node")
    func damage() throws {
        let engine = MemoryEngine()
        let nodes = try (1...2).map { try StreamFixture(engine, node: $0) }
        defer { for node in nodes { node.stop() } }
        sendSingly(2, chunks: 6, to: nodes[0])
        for agency in [1, 3] as [UInt32] { send(agency, chunks: 6, each: 6, to: [nodes[0]]) }
        engine.lose(try #require(place(of: 3, 2, in: engine)), of: Self.stream)
        for node in nodes {
            node.sealOnceFinished()
            let damage = node.facts.wait(until: .now + .seconds(30)) { $0.damage.first }
            // The message before the lost one may be a changed one: its chunk counts as lost too.
            #expect(damage == "agency 2: chunks 2 to 3 are lost: let it send its file again")
            #expect(node.facts.withLock { $0.seal } == nil)
        }
        let others = nodes[1].join(2)
        #expect(others.wait() == "welcome 2")
        others.send(Samples.chunk(agency: 1, sequence: 2))
        others.send(Samples.chunk(agency: 2, sequence: 3))
        #expect(others.wait(1) == "ok 2" && others.wait(2) == "no 3 conflict")
        let again = nodes[0].join(2)
        #expect(again.wait() == "welcome 2")
        for sequence in 2...6 as ClosedRange<UInt32> {
            again.send(Samples.chunk(agency: 2, sequence: sequence, isLast: sequence == 6))
        }
        for index in 1...5 { #expect(again.wait(index) == "ok \(index + 1)") }
        let seals = try nodes.map { try $0.waitForSeal() }
        #expect(seals[0] == seals[1] && seals[0].bets == 54)
        #expect(nodes[0].ledgerBytes() == nodes[1].ledgerBytes())
        let contents = try LedgerContents(reading: StreamFixture.folder.ledger, on: nodes[0].disk)
        #expect(contents.chunkCount == 18)
    }

    @Test("a new bet in the place of lost chunks is not acknowledged")
    func newBetInsteadOfLost() throws {
        let engine = MemoryEngine()
        let node = try StreamFixture(engine)
        defer { node.stop() }
        sendSingly(2, chunks: 3, to: node)
        for agency in [1, 3] as [UInt32] { send(agency, chunks: 1, each: 1, to: [node]) }
        engine.lose(try #require(place(of: 2, 2, in: engine)), of: Self.stream)
        node.sealOnceFinished()
        #expect(node.facts.wait(until: .now + .seconds(30)) { $0.damage.first } != nil)
        let bet = node.join(2)
        #expect(bet.wait() == "welcome 1")
        bet.send(Samples.chunk(agency: 2, sequence: 1))
        // Another connection's chunks are answered meanwhile, so the engine has stored the bet.
        let again = node.join(2)
        #expect(again.wait() == "welcome 1")
        #expect(bet.wait(1) == "error superseded")
        for sequence in 1...3 as ClosedRange<UInt32> {
            again.send(Samples.chunk(agency: 2, sequence: sequence, isLast: sequence == 3))
        }
        for index in 1...3 { #expect(again.wait(index) == "ok \(index)") }
        #expect(try node.waitForSeal().bets == 15)
    }

    @Test("a void draw is sealed with what is left of a damaged stream")
    func voidDamaged() throws {
        let engine = MemoryEngine()
        let node = try StreamFixture(engine)
        defer { node.stop() }
        sendSingly(2, chunks: 4, to: node)
        for agency in [1, 3] as [UInt32] { send(agency, chunks: 2, each: 2, to: [node]) }
        engine.lose(try #require(place(of: 3, 2, in: engine)), of: Self.stream)
        node.sealOnceFinished()
        #expect(node.facts.wait(until: .now + .seconds(30)) { $0.damage.first } != nil)
        node.committer.seal(.void)
        let seal = try node.waitForSeal()
        #expect(seal.reason == .void && seal.bets == 18)
    }

    @Test("chunks that one server has lost are read of the others")
    func lostOnOneServer() throws {
        let engine = MemoryEngine()
        let node = try StreamFixture(engine)
        defer { node.stop() }
        for agency in 1...3 as ClosedRange<UInt32> { send(agency, chunks: 6, each: 6, to: [node]) }
        engine.loseHere(try #require(place(of: 3, 2, in: engine)), of: Self.stream)
        engine.loseHere(try #require(place(of: 6, 3, in: engine)), of: Self.stream)
        node.sealOnceFinished()
        #expect(try node.waitForSeal().bets == 54)
        #expect(node.facts.withLock(\.damage).isEmpty)
    }

    @Test("as long as a server does not answer, no agency is asked for what the others have lost")
    func serverAway() throws {
        let engine = MemoryEngine()
        let node = try StreamFixture(engine)
        defer { node.stop() }
        sendSingly(2, chunks: 6, to: node)
        for agency in [1, 3] as [UInt32] { send(agency, chunks: 6, each: 6, to: [node]) }
        engine.loseHere(try #require(place(of: 3, 2, in: engine)), of: Self.stream)
        engine.setOtherAway(true)
        node.sealOnceFinished()
        #expect(node.facts.wait(until: .now + .seconds(30)) { $0.damage.first }?.hasSuffix("could be asked") == true)
        #expect(node.join(2).wait() == "welcome 7")
        engine.setOtherAway(false)
        #expect(try node.waitForSeal().bets == 54)
    }

    @Test("a stream that lacks an agency's last messages is never sealed")
    func lostEnd() throws {
        let engine = MemoryEngine()
        let node = try StreamFixture(engine)
        defer { node.stop() }
        for agency in 1...3 as ClosedRange<UInt32> { send(agency, chunks: 2, each: 2, to: [node]) }
        #expect(node.facts.wait(until: .now + .seconds(30)) { $0.finished.count == 3 ? true : nil } == true)
        engine.lose(try #require(place(of: 2, 1, in: engine)), of: Self.stream)
        node.committer.seal(.allFinished)
        let damage = node.facts.wait(until: .now + .seconds(30)) { $0.damage.first }
        #expect(damage?.contains("1 messages are lost after the last one of an agency") == true, "\(damage ?? "")")
        #expect(node.facts.withLock { $0.seal } == nil)
    }

    @Test("a node that starts after the others have sealed seals the same ledger")
    func restart() throws {
        let engine = MemoryEngine()
        let first = try StreamFixture(engine, node: 1)
        for agency in 1...3 as ClosedRange<UInt32> { send(agency, chunks: 3, each: 3, to: [first]) }
        first.committer.seal(.allFinished)
        _ = try first.waitForSeal()
        first.stop()
        let second = try StreamFixture(engine, node: 2)
        defer { second.stop() }
        #expect(second.facts.wait(until: .now + .seconds(30)) { $0.finished.count == 3 ? true : nil } == true)
        second.committer.seal(.allFinished)
        _ = try second.waitForSeal()
        #expect(first.ledgerBytes() == second.ledgerBytes())
    }

    @Test("a connection that breaks the protocol is told after its chunks are answered, and then released")
    func release() throws {
        let engine = MemoryEngine()
        let node = try StreamFixture(engine)
        defer { node.stop() }
        var link: StreamFixture.Link? = node.join(1)
        link?.send(Samples.chunk(agency: 1, sequence: 1))
        link?.leave(.failed(.malformedMessage, "broken"))
        #expect(link?.wait(1) == "ok 1" && link?.wait(2) == "error malformedMessage")
        weak let released = link?.connection
        link?.forgetConnection()
        link = nil
        // Another request, so that the committer's round is over.
        _ = node.join(2).wait()
        #expect(released == nil)
    }
}
