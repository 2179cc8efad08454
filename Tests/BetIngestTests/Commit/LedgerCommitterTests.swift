import Connections
import Domain
import Ledger
import TestKit
import Testing
import WireProtocol

@testable import BetIngest

struct LedgerCommitterTests {
    @Test("a chunk is acknowledged only after it is stored, and everything staged meanwhile costs one sync")
    func groupCommit() throws {
        let fixture = try CommitterFixture()
        let (first, firstSink) = fixture.join(1)
        let (second, secondSink) = fixture.join(2)
        for sequence in 1...5 as ClosedRange<UInt32> {
            fixture.stage(Samples.chunk(agency: 1, sequence: sequence), 1, first)
            fixture.stage(Samples.chunk(agency: 2, sequence: sequence), 2, second)
        }
        #expect(firstSink.summary.isEmpty && secondSink.summary.isEmpty)
        fixture.disk.setPlan { _ in nil }
        #expect(fixture.committer.commitStaged())
        #expect(fixture.disk.calls.count { $0.hasPrefix("sync") } == 1)
        #expect(firstSink.summary == ["welcome 1", "ok 1", "ok 2", "ok 3", "ok 4", "ok 5"])
        #expect(secondSink.summary == firstSink.summary)
        #expect(try fixture.contents().standings.storedBets == 30)
        #expect(fixture.budget.availableBytes == 1 << 24)
    }

    @Test("the position of a chunk's first bet counts the bets before it in the ledger")
    func positions() throws {
        let fixture = try CommitterFixture()
        let (connection, sink) = fixture.join(1)
        fixture.stage(Samples.chunk(agency: 1, sequence: 1, count: 4), 1, connection)
        fixture.stage(Samples.chunk(agency: 1, sequence: 2, count: 0), 1, connection)
        fixture.stage(Samples.chunk(agency: 1, sequence: 3, count: 2), 1, connection)
        #expect(fixture.committer.commitStaged())
        #expect(
            Array(sink.messages.dropFirst()) == [
                .chunkProcessed(ChunkProcessed(sequence: 1, count: 4, firstBetIndex: 0)),
                .chunkProcessed(ChunkProcessed(sequence: 2, count: 0, firstBetIndex: 4)),
                .chunkProcessed(ChunkProcessed(sequence: 3, count: 2, firstBetIndex: 4)),
            ])
    }

    @Test("the same chunk again gets the same answer, other bytes get CONFLICT, and neither changes anything")
    func repetition() throws {
        let fixture = try CommitterFixture()
        let (connection, sink) = fixture.join(1)
        let stored = Samples.chunk(agency: 1, sequence: 1)
        let rejected = Samples.chunk(agency: 1, sequence: 2)
        let fault = ChunkFault.bet(index: 1, .documentCharacter)
        fixture.stage(stored, 1, connection)
        fixture.stage(rejected, 1, connection, fault: fault)
        // Repeat it before it is durable, and after.
        fixture.stage(stored, 1, connection)
        #expect(fixture.committer.commitStaged())
        let before = fixture.disk.bytes(CommitterFixture.folder.ledger)
        fixture.stage(stored, 1, connection)
        fixture.stage(rejected, 1, connection)
        fixture.stage(Samples.chunk(agency: 9, sequence: 1), 1, connection)
        fixture.stage(Samples.chunk(agency: 9, sequence: 2), 1, connection)
        fixture.stage(Samples.chunk(agency: 1, sequence: 1, isLast: true), 1, connection)
        #expect(fixture.committer.commitStaged())
        #expect(
            sink.summary == [
                "welcome 1", "ok 1", "no 2 invalidBet", "ok 1", "ok 1", "no 2 invalidBet", "no 1 conflict",
                "no 2 conflict", "no 1 conflict",
            ])
        #expect(sink.messages[1] == sink.messages[3] && sink.messages[1] == sink.messages[4])
        #expect(sink.messages[2] == sink.messages[5])
        #expect(fixture.disk.bytes(CommitterFixture.folder.ledger) == before)
        #expect(fixture.budget.availableBytes == 1 << 24)
    }

    @Test("a gap closes the connection, and later chunks are dropped")
    func gap() throws {
        let fixture = try CommitterFixture()
        let (connection, sink) = fixture.join(1)
        fixture.stage(Samples.chunk(agency: 1, sequence: 2), 1, connection)
        fixture.stage(Samples.chunk(agency: 1, sequence: 1), 1, connection)
        #expect(fixture.committer.commitStaged())
        #expect(sink.summary == ["welcome 1", "error sequenceGap"])
        #expect(sink.isClosed)
        #expect(try fixture.contents().chunkCount == 0)
        #expect(fixture.budget.availableBytes == 1 << 24)
    }

    @Test("a second connection supersedes the first, whose staged chunks are stored and whose later chunks are dropped")
    func takeover() throws {
        let fixture = try CommitterFixture()
        let (old, oldSink) = fixture.join(1)
        fixture.stage(Samples.chunk(agency: 1, sequence: 1), 1, old)
        let (new, newSink) = fixture.join(1)
        fixture.stage(Samples.chunk(agency: 1, sequence: 2), 1, old)
        fixture.stage(Samples.chunk(agency: 1, sequence: 2, count: 7), 1, new)
        #expect(fixture.committer.commitStaged())
        #expect(oldSink.summary == ["welcome 1", "ok 1", "error superseded"])
        #expect(oldSink.isClosed)
        #expect(newSink.summary == ["welcome 2", "ok 2"])
        #expect(try fixture.contents().standings.storedBets == 10)
        // The end of the old connection does not release the agency.
        fixture.committer.stage(.leave(AgencyID(1), .left), from: old)
        fixture.stage(Samples.chunk(agency: 1, sequence: 3), 1, new)
        #expect(fixture.committer.commitStaged())
        #expect(newSink.summary.last == "ok 3")
    }

    @Test("after its last chunk an agency can only repeat; after the seal the draw is closed")
    func afterLast() throws {
        let fixture = try CommitterFixture()
        let (connection, sink) = fixture.join(1)
        let last = Samples.chunk(agency: 1, sequence: 1, isLast: true)
        fixture.stage(last, 1, connection)
        fixture.stage(Samples.chunk(agency: 1, sequence: 2), 1, connection)
        #expect(fixture.committer.commitStaged())
        #expect(fixture.finishedAgencies == [AgencyID(1)])
        let committer = fixture.committer
        committer.seal(.allFinished)
        #expect(fixture.durableSeals.isEmpty)
        #expect(committer.commitStaged())
        #expect(fixture.durableSeals.map(\.reason) == [.allFinished])
        // Sealing again writes and reports nothing.
        committer.seal(.operator)
        #expect(committer.commitStaged())
        #expect(fixture.durableSeals.count == 1)
        let sealed = fixture.disk.bytes(CommitterFixture.folder.ledger)
        fixture.stage(Samples.chunk(agency: 1, sequence: 2), 1, connection)
        fixture.stage(last, 1, connection)
        let (late, lateSink) = fixture.join(2)
        fixture.stage(Samples.chunk(agency: 2, sequence: 1), 2, late)
        fixture.stage(Samples.chunk(agency: 2, sequence: 2), 2, late)
        committer.stop()
        committer.run()
        #expect(sink.summary == ["welcome 1", "ok 1", "no 2 agencyFinished", "no 2 drawClosed", "ok 1"])
        #expect(lateSink.summary == ["welcome 1", "no 1 drawClosed", "no 2 drawClosed"])
        #expect(fixture.disk.bytes(CommitterFixture.folder.ledger) == sealed)
        #expect(try fixture.contents().end.isClosed)
    }

    @Test("WELCOME has the stream record to compare a file with, also after a restart")
    func streamRecord() throws {
        let first = try CommitterFixture()
        let (connection, _) = first.join(1)
        let stored = Samples.chunk(agency: 1, sequence: 1, count: 3)
        let rejected = Samples.chunk(agency: 1, sequence: 2, count: 4)
        first.stage(stored, 1, connection)
        first.stage(rejected, 1, connection, fault: .bet(index: 0, .documentCharacter))
        let malformed = Chunk(
            isLast: false, sequence: 3, count: 65_535, frame: [2, 0, 0, 0, 3, 0xFF, 0xFF, 1, 2, 3, 4])
        first.stage(malformed, 1, connection, fault: .columns(expectedBytes: 589_815, foundBytes: 4))
        #expect(first.committer.commitStaged())
        var bets = BetsDigest(BetColumns(stored.bets, count: 3))
        bets.append(BetsDigest(BetColumns(rejected.bets, count: 4)))
        let expected = Welcome(
            nextSequence: 4, storedBets: 3, rejectedBets: 4, maxFrameBytes: 1 << 20, window: 8, isFinished: false,
            draw: "default",
            stream: StreamRecord(
                lastChunk: .rejected, lastCount: 0, lastChecksum: BetsDigest().checksum, checksum: bets.checksum),
            time: DrawTime(now: Instant(milliseconds: CommitterFixture.time), cutOff: nil))
        for fixture in [first, try CommitterFixture(disk: first.disk)] {
            let (_, sink) = fixture.join(1)
            #expect(fixture.committer.commitStaged())
            #expect(sink.messages == [.welcome(expected)])
        }
    }

    @Test("an agency of version 1 gets the WELCOME of version 1")
    func version1() throws {
        let fixture = try CommitterFixture()
        let (connection, sink) = fixture.join(1)
        var session = NativeSession(draws: OneDraw())
        let hello = Message.hello(Hello(version: 1, agency: AgencyID(1)))
        guard case .join(_, let version)? = session.receive(.frame(of: hello), today: Samples.today) else {
            Issue.record("HELLO of version 1 was not accepted")
            return
        }
        fixture.committer.stage(.join(AgencyID(1), version: version), from: connection)
        #expect(fixture.committer.commitStaged())
        let streams = sink.messages.map { message -> Bool? in
            if case .welcome(let welcome) = message { welcome.stream != nil } else { nil }
        }
        #expect(streams == [true, false])
    }

    @Test("staged chunks above the maximum group size are split into groups, and the answers stay in order")
    func largeGroups() throws {
        let fixture = try CommitterFixture()
        let (connection, sink) = fixture.join(1)
        let bets = (0..<25_000).map(Samples.bet)
        for sequence in 1...12 as ClosedRange<UInt32> {
            let chunk = CheckedChunk(Samples.chunk(sequence: sequence, bets: bets), fault: nil)
            fixture.committer.stage(.chunk(chunk, AgencyID(1)), from: connection)
        }
        fixture.disk.setPlan { _ in nil }
        #expect(fixture.committer.commitStaged())
        #expect(sink.summary == ["welcome 1"] + (1...12).map { "ok \($0)" })
        #expect(fixture.disk.calls.count { $0.hasPrefix("sync") } == 2)
        #expect(try fixture.contents().standings.storedBets == 300_000)
    }

    @Test("a restart finds everything and resumes at the recorded position")
    func restart() throws {
        let first = try CommitterFixture()
        let (connection, _) = first.join(1)
        first.stage(Samples.chunk(agency: 1, sequence: 1), 1, connection)
        first.stage(Samples.chunk(agency: 1, sequence: 2), 1, connection, fault: .bet(index: 0, .documentCharacter))
        first.committer.stop()
        first.committer.run()
        #expect(try first.contents().end.isClosed)
        let second = try CommitterFixture(disk: first.disk)
        let (again, sink) = second.join(1)
        second.stage(Samples.chunk(agency: 1, sequence: 2), 1, again)
        second.stage(Samples.chunk(agency: 1, sequence: 3), 1, again)
        #expect(second.committer.commitStaged())
        #expect(sink.summary == ["welcome 3", "no 2 invalidBet", "ok 3"])
        guard case .welcome(let welcome) = sink.messages[0] else { return }
        #expect(welcome.storedBets == 3 && welcome.rejectedBets == 3)
    }
}
