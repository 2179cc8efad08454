import Domain
import Foundation
import Ledger
import NIOConcurrencyHelpers
import NIOEmbedded
import Shell
import TestKit
import Testing
import WireProtocol

@testable import BetIngest

/// Tests that cut a draw at every call that changes the disk, in every way that power loss can leave the sectors,
/// recover it, and cut the recovery too.
///
/// With `FAULTS=full` the draw is large, otherwise small.
struct CrashPointTests {
    private static let isFull = ProcessInfo.processInfo.environment["FAULTS"] == "full"
    private static let groups = isFull ? 120 : 3

    /// A sink that counts acknowledgements.
    private final class Answers: AnswerSink {
        let acknowledged = NIOLockedValueBox(0)

        func send(_ answer: Answer) {
            if case .frame(.message(.chunkProcessed), _) = answer { acknowledged.withLockedValue { $0 += 1 } }
        }
    }

    /// The disk before a call of the reference run, and the number of chunks acknowledged by then.
    private struct Point {
        var call: String
        var disk: SimulatedDisk
        var acknowledged: Int
    }

    private static let configuration: ServiceConfiguration = {
        let flags = ["agencies": "1", "data": "/data", "draw.winningNumber": "7"]
        do {
            return try ServiceConfiguration(flags: flags, environment: [:], file: nil)
        } catch {
            preconditionFailure("\(error)")
        }
    }()

    private static let chunks: [Chunk] = {
        var chunks: [Chunk] = []
        for sequence in 1...UInt32(groups * 5 / 2) {
            chunks.append(Samples.chunk(agency: 1, sequence: sequence, count: 1 + Int(sequence % 7) * 10))
        }
        chunks.append(Samples.chunk(agency: 1, sequence: UInt32(chunks.count + 1), count: 1, isLast: true))
        return chunks
    }()

    private func start(_ disk: SimulatedDisk) throws -> SimulatedIngest {
        try SimulatedIngest(
            Self.configuration, on: disk, loop: EmbeddedEventLoop(), ledgerID: 7, clock: { 1_763_676_675_000 })
    }

    /// Sends the chunks from a sequence on, in groups, until the publication.
    private func send(from sequence: Int, to ingest: SimulatedIngest, _ answers: Answers) throws {
        let connection = IngestConnection(peer: "test", port: ingest.port(nil), answers: answers)
        ingest.committer.stage(.join(AgencyID(1), version: Message.version), from: connection)
        var rest = Self.chunks[(sequence - 1)...]
        var size = 1
        while !rest.isEmpty {
            for chunk in rest.prefix(size) {
                ingest.committer.stage(.chunk(CheckedChunk(chunk, fault: nil), AgencyID(1)), from: connection)
            }
            rest = rest.dropFirst(size)
            size = size % 4 + 1
            ingest.commit()
            try ingest.handleEvent()
        }
        for _ in 0..<4 {
            try ingest.handleEvent()
            ingest.commit()
        }
    }

    /// Runs the whole draw and returns the disk before each of its calls.
    private func reference() throws -> (points: [Point], result: [UInt8]) {
        let disk = SimulatedDisk()
        let answers = Answers()
        let counts = NIOLockedValueBox<[Int]>([])
        disk.setPlan { call in
            if call.name != "read", call.name != "size" {
                let acknowledged = answers.acknowledged.withLockedValue { $0 }
                counts.withLockedValue { $0.append(acknowledged) }
            }
            return nil
        }
        let snapshots = try disk.snapshots {
            let ingest = try start(disk)
            try send(from: 1, to: ingest, answers)
        }
        let points = zip(snapshots, counts.withLockedValue { $0 }).map {
            Point(call: $0.call, disk: $0.disk, acknowledged: $1)
        }
        #expect(snapshots.count == points.count)
        return (points, try #require(disk.bytes(Self.configuration.folder.result)))
    }

    private func losses(_ disk: SimulatedDisk) -> [SimulatedDisk.PowerLoss] {
        let sectors = disk.unsyncedSectors(Self.configuration.folder.ledger)
        guard sectors > 0 else { return [.losesUnsynced, .keepsUnsynced, .random(seed: 1)] }
        let torn = (1..<max(2, sectors)).flatMap {
            [SimulatedDisk.PowerLoss.keepsFirst(sectors: $0), .losesFirst(sectors: $0)]
        }
        return SimulatedDisk.PowerLoss.allCases + torn + (1...6).map { .random(seed: $0) }
    }

    /// Checks that a recovery found every acknowledged chunk, and none twice.
    private func check(_ ingest: SimulatedIngest, _ acknowledged: Int, _ place: String) throws -> Int {
        let standing = try ingest.contents().standings[AgencyID(1)]
        let stored = Int(standing.nextSequence) - 1
        let bets = Self.chunks.prefix(stored).reduce(0) { $0 + $1.count }
        #expect(stored >= acknowledged, "\(place): \(acknowledged) acknowledged, \(stored) stored")
        #expect(standing.storedBets == UInt64(bets), "\(place): \(standing.storedBets) bets in \(stored) chunks")
        return stored
    }

    @Test(
        "after a cut at any call, and another during recovery, nothing acknowledged is lost and nothing is stored twice"
    )
    func everyCut() throws {
        let (points, result) = try reference()
        var cuts = 0
        var recoveryCuts = 0
        for (index, point) in points.enumerated() {
            for loss in losses(point.disk) {
                cuts += 1
                let disk = point.disk.copy()
                disk.losePower(loss)
                let place = "call \(index) \(point.call), \(loss)"
                let before = disk.copy()
                let recovered = try start(disk)
                let stored = try check(recovered, point.acknowledged, place)
                // Some runs continue to the publication: the result is the same, whenever the power failed.
                if cuts % 53 == 0 {
                    try send(from: min(stored + 1, Self.chunks.count), to: recovered, Answers())
                    let ledger = try LedgerContents(reading: Self.configuration.folder.ledger, on: disk)
                    #expect(ledger.chunkCount == Self.chunks.count, "\(place)")
                    let published = try #require(disk.bytes(Self.configuration.folder.result), "\(place)")
                    #expect(try winners(published) == winners(result), "\(place)")
                }
                for (call, snapshot) in try before.snapshots(during: { _ = try start(before) }) {
                    let seconds: [SimulatedDisk.PowerLoss] = [
                        .losesUnsynced, .keepsUnsynced, .tearsSectors, .random(seed: 9),
                    ]
                    // The small draw takes them in turn.
                    for second in Self.isFull ? seconds : [seconds[recoveryCuts % seconds.count]] {
                        recoveryCuts += 1
                        let again = snapshot.copy()
                        again.losePower(second)
                        _ = try check(try start(again), point.acknowledged, "\(place), then \(call), \(second)")
                    }
                }
            }
        }
        try writeOutput("crash points: \(points.count) calls, \(cuts) cuts, \(recoveryCuts) cuts of the recovery")
        #expect(cuts > 100 && recoveryCuts > cuts)
    }

    @Test("after a failed sync, the next start does not read from the page cache what the disk may not have")
    func failedSync() throws {
        let disk = SimulatedDisk()
        let ingest = try start(disk)
        disk.setPlan { $0.name == "sync" ? .failsAndIsNotPersisted(errno: EIO) : nil }
        let answers = Answers()
        #expect(throws: LedgerError.self) { try send(from: 1, to: ingest, answers) }
        #expect(answers.acknowledged.withLockedValue { $0 } == 0)
        disk.setPlan { _ in nil }
        #expect(try check(try start(disk), 0, "after a failed sync") == 0)
    }

    private func winners(_ bytes: [UInt8]) throws -> [String]? {
        try DrawResult(fileBytes: bytes).agencies?.first?.winners
    }
}
