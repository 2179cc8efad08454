import Domain
import Ledger
import TestKit
import Testing
import WireProtocol

@testable import BetIngest

/// Tests in which every step of a commit fails, with and without its effect.
///
/// Then the power fails, in every way, and the service starts again.
///
/// Goal: every acknowledged chunk is stored once; every other group is stored whole or not at all; nothing of the
/// failed group is acknowledged; after the agency resumes, every chunk is stored once.
struct CommitFaultTableTests {
    struct Row: Sendable, CustomTestStringConvertible {
        var step: Int
        var isPersisted: Bool
        var loss: SimulatedDisk.PowerLoss

        var testDescription: String {
            "step \(step) fails \(isPersisted ? "but is" : "and is not") persisted, power loss \(loss)"
        }
    }

    /// The steps of a commit into new space: allocate, write, sync.
    static let rows: [Row] = (0..<3).flatMap { step in
        [false, true].flatMap { isPersisted in
            SimulatedDisk.PowerLoss.allCases.map { Row(step: step, isPersisted: isPersisted, loss: $0) }
        }
    }

    @Test("a failed step loses nothing that was acknowledged and stores nothing twice", arguments: rows)
    func failedStep(_ row: Row) throws {
        let disk = SimulatedDisk()
        let first = try CommitterFixture(disk: disk)
        let (connection, sink) = first.join(1)
        let chunks = (1...6).map { Samples.chunk(agency: 1, sequence: UInt32($0), count: 500, isLast: $0 == 6) }
        for chunk in chunks[..<2] { first.stage(chunk, 1, connection) }
        #expect(first.committer.commitStaged())
        #expect(sink.summary == ["welcome 1", "ok 1", "ok 2"])

        // The group that fails. Its commit preallocates, because it exceeds the first step of 1 MiB.
        let large = Samples.chunk(sequence: 3, bets: (0..<45_000).map(Samples.bet))
        first.stage(large, 1, connection)
        first.stage(chunks[3], 1, connection)
        disk.setPlan { call in
            guard call.index == row.step else { return nil }
            return row.isPersisted ? .failsButIsPersisted(errno: 5) : .failsAndIsNotPersisted(errno: 5)
        }
        #expect(!first.committer.commitStaged())
        #expect(disk.calls == Array(["allocate bets.ledger", "write bets.ledger", "sync bets.ledger"][...row.step]))
        #expect(first.failureCount == 1)
        #expect(sink.summary == ["welcome 1", "ok 1", "ok 2"])

        // Nothing more is accepted, and the disk is not used.
        let callCount = disk.calls.count
        first.stage(chunks[4], 1, connection)
        #expect(first.committer.commitStaged())
        #expect(disk.calls.count == callCount)

        disk.losePower(row.loss)
        let second = try CommitterFixture(disk: disk)
        let (again, againSink) = second.join(1)
        #expect(second.committer.commitStaged())
        guard case .welcome(let welcome)? = againSink.messages.first else {
            Issue.record("no welcome")
            return
        }
        // The group is stored whole or not at all.
        #expect(welcome.nextSequence == 3 || welcome.nextSequence == 5)
        if row.isPersisted, row.step > 0 { #expect(welcome.nextSequence == 5) }

        // The agency sends every unanswered chunk again.
        for chunk in [large] + chunks[3...] { second.stage(chunk, 1, again) }
        second.committer.stop()
        second.committer.run()
        #expect(againSink.summary.suffix(4) == ["ok 3", "ok 4", "ok 5", "ok 6"])
        let contents = try second.contents()
        #expect(contents.standings.storedBets == 5 * 500 + 45_000)
        #expect(contents.chunkCount == 6 && contents.end.isClosed)
        #expect(second.finishedAgencies == [AgencyID(1)])
    }

    @Test("each step of sealing and closing fails, and the restart ends with the same sealed ledger")
    func failedSeal() throws {
        // write, sync of the seal; write, sync, truncate, sync of the closing group
        for step in 0..<6 {
            for isPersisted in [false, true] {
                for loss in SimulatedDisk.PowerLoss.allCases {
                    let disk = SimulatedDisk()
                    let first = try CommitterFixture(disk: disk)
                    let (connection, _) = first.join(1)
                    first.stage(Samples.chunk(agency: 1, sequence: 1, isLast: true), 1, connection)
                    #expect(first.committer.commitStaged())
                    disk.setPlan { call in
                        guard call.index == step else { return nil }
                        return isPersisted ? .failsButIsPersisted(errno: 5) : .failsAndIsNotPersisted(errno: 5)
                    }
                    first.committer.seal(.allFinished)
                    #expect(!first.committer.commitStaged())
                    #expect(first.durableSeals.isEmpty)
                    disk.losePower(loss)
                    let second = try CommitterFixture(disk: disk)
                    let contents = try second.contents()
                    #expect(contents.standings.storedBets == 3)
                    if let seal = contents.standings.seal {
                        #expect(seal.reason == .allFinished)
                        #expect(contents.end.isClosed, "step \(step) \(isPersisted) \(loss)")
                    } else {
                        #expect(step < 2)
                    }
                }
            }
        }
    }
}
