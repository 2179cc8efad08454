import Domain
import Ledger
import NIOConcurrencyHelpers
import Storage
import TestKit
import Testing
import WireProtocol

@testable import BetIngest

/// Tests of the cut-off: what is in time, what is late, and what the list says.
struct CutOffTests {
    private static let cutOff = Instant(milliseconds: CommitterFixture.time)

    /// A fixture whose clock the test sets, in milliseconds after the cut-off.
    private static func fixture(
        disk: SimulatedDisk = SimulatedDisk(), at milliseconds: Int
    ) throws -> (CommitterFixture, NIOLockedValueBox<Int>) {
        let clock = NIOLockedValueBox(milliseconds)
        let fixture = try CommitterFixture(disk: disk, agencies: 3, cutOff: cutOff) {
            UInt64(Int(cutOff.milliseconds) + clock.withLockedValue { $0 })
        }
        return (fixture, clock)
    }

    @Test("a chunk is in until the millisecond before the cut-off, and late from the cut-off on", arguments: -2...2)
    func millisecond(_ milliseconds: Int) throws {
        let (fixture, clock) = try Self.fixture(at: -5000)
        let (connection, sink) = fixture.join(1)
        clock.withLockedValue { $0 = milliseconds }
        fixture.stage(Samples.chunk(agency: 1, sequence: 1), 1, connection)
        #expect(fixture.committer.commitStaged())
        #expect(sink.summary.last == (milliseconds < 0 ? "ok 1" : "no 1 drawClosed"))
        #expect(try fixture.contents().standings.storedBets == (milliseconds < 0 ? 3 : 0))
        #expect(fixture.committer.snapshot.late.total.bets == (milliseconds < 0 ? 0 : 3))
        #expect(fixture.lateAgencies == (milliseconds < 0 ? [] : [AgencyID(1)]))
    }

    @Test("the message of a late chunk has the cut-off and the server's time")
    func message() throws {
        let (fixture, _) = try Self.fixture(at: 7)
        let (connection, sink) = fixture.join(1)
        fixture.stage(Samples.chunk(agency: 1, sequence: 1), 1, connection)
        #expect(fixture.committer.commitStaged())
        guard case .chunkRejected(let rejected)? = sink.messages.last else {
            Issue.record("\(sink.messages)")
            return
        }
        #expect(rejected.message == "draw closed: the cut-off was \(Self.cutOff), it is 2025-11-20T22:11:15.007Z")
    }

    @Test("a clock that is set back reopens nothing, also after a restart")
    func clockSetBack() throws {
        let (fixture, clock) = try Self.fixture(at: -10)
        let (connection, sink) = fixture.join(1)
        fixture.stage(Samples.chunk(agency: 1, sequence: 1), 1, connection)
        clock.withLockedValue { $0 = 3 }
        fixture.stage(Samples.chunk(agency: 1, sequence: 2), 1, connection)
        #expect(fixture.committer.commitStaged())
        clock.withLockedValue { $0 = -3_600_000 }
        fixture.stage(Samples.chunk(agency: 1, sequence: 2), 1, connection)
        #expect(fixture.committer.commitStaged())
        #expect(sink.summary == ["welcome 1", "ok 1", "no 2 drawClosed", "no 2 drawClosed"])
        // The list tells the next process how late it has been.
        let late = try LateFile(CommitterFixture.folder, on: fixture.disk)
        #expect(late.snapshot.lastTime == Instant(milliseconds: Self.cutOff.milliseconds + 3))
        #expect(late.snapshot.total == LateList.Count(chunks: 1, bets: 3))
        let admission = Admission(
            Samples.draw, agencies: 3, standings: try fixture.contents().standings, cutOff: Self.cutOff,
            time: late.snapshot.lastTime)
        #expect(admission.isClosed)
    }

    @Test("the records of a draw have times that never go back, and the seal the cut-off")
    func times() throws {
        let (fixture, clock) = try Self.fixture(at: -10)
        let (connection, _) = fixture.join(1)
        for (sequence, milliseconds) in [(1, -10), (2, -60_000), (3, -4)] {
            clock.withLockedValue { $0 = milliseconds }
            fixture.stage(Samples.chunk(agency: 1, sequence: UInt32(sequence)), 1, connection)
        }
        fixture.committer.seal(.cutOff)
        #expect(!fixture.committer.snapshot.standings.standings.isEmpty && fixture.durableSeals.isEmpty)
        clock.withLockedValue { $0 = 1500 }
        fixture.committer.seal(.cutOff)
        #expect(fixture.committer.commitStaged())
        let seal = try #require(fixture.durableSeals.first)
        #expect(seal.reason == .cutOff && seal.instant == Self.cutOff && seal.bets == 9)
        #expect(seal.unfinished == [AgencyID(1)] && seal.absent == [AgencyID(2), AgencyID(3)])
        var reader = try LedgerReader(CommitterFixture.folder.ledger, on: fixture.disk)
        var times: [Int] = []
        while let records = try reader.nextGroup() {
            times += records.filter { !$0.header.kind.isService }.map {
                Int($0.header.time) - Int(CommitterFixture.time)
            }
        }
        #expect(times == [-10, -10, -4])
    }

    @Test("a late chunk is listed once, before its answer, however often it is sent; a torn line is left out")
    func list() throws {
        let (fixture, _) = try Self.fixture(at: 1)
        let (connection, sink) = fixture.join(1)
        for _ in 0..<3 {
            fixture.stage(Samples.chunk(agency: 1, sequence: 1), 1, connection)
            #expect(fixture.committer.commitStaged())
        }
        fixture.stage(Samples.chunk(agency: 1, sequence: 2, count: 5), 1, connection)
        #expect(fixture.committer.commitStaged())
        #expect(sink.summary.filter { $0.contains("drawClosed") }.count == 4)
        let path = CommitterFixture.folder.late
        let text = String(decoding: try #require(fixture.disk.bytes(path)), as: UTF8.self)
        #expect(
            text == "time,agency,sequence,bets\n2025-11-20T22:11:15.001Z,1,1,3\n2025-11-20T22:11:15.001Z,1,2,5\n")
        fixture.disk.losePower(.losesUnsynced)
        #expect(fixture.disk.bytes(path) == Array(text.utf8))
        fixture.disk.put(path, Array((text + "\0\0\0\n2025-11-20T22:11:1").utf8))
        let again = try LateFile(CommitterFixture.folder, on: fixture.disk)
        #expect(again.snapshot.total == LateList.Count(chunks: 2, bets: 8) && again.invalidLines == 1)
        let time = Instant(milliseconds: Self.cutOff.milliseconds + 9)
        #expect(try again.append([LateChunk(time: time, agency: AgencyID(2), sequence: 1, bets: 1)]) == [AgencyID(2)])
        let third = try LateFile(CommitterFixture.folder, on: fixture.disk)
        #expect(third.snapshot.total == LateList.Count(chunks: 3, bets: 9))
    }

    @Test(
        "while the late list cannot be written a late chunk is not answered as late, and the service runs",
        arguments: [false, true])
    func listFails(_ isPersisted: Bool) throws {
        let (fixture, _) = try Self.fixture(at: 1)
        let (connection, sink) = fixture.join(1)
        #expect(fixture.committer.commitStaged())
        fixture.disk.setPlan { call in
            guard call.name == "sync" else { return nil }
            return isPersisted ? .failsButIsPersisted(errno: 5) : .failsAndIsNotPersisted(errno: 5)
        }
        fixture.stage(Samples.chunk(agency: 1, sequence: 1), 1, connection)
        #expect(fixture.committer.commitStaged())
        #expect(sink.summary == ["welcome 1", "error busy"] && fixture.failureCount == 0)
        fixture.disk.setPlan { _ in nil }
        let (again, second) = fixture.join(1)
        fixture.stage(Samples.chunk(agency: 1, sequence: 1), 1, again)
        #expect(fixture.committer.commitStaged())
        #expect(second.summary.last == "no 1 drawClosed")
        #expect(try LateFile(CommitterFixture.folder, on: fixture.disk).snapshot.total.chunks == 1)
    }

    @Test("what a restart reads of the list is durable, also after a kill or a failed sync")
    func readIsDurable() throws {
        let disk = SimulatedDisk()
        try disk.makeFolder(CommitterFixture.folder.path)
        let chunk = LateChunk(time: Self.cutOff, agency: AgencyID(1), sequence: 1, bets: 3)
        disk.setPlan { $0.name == "sync" ? .failsAndIsNotPersisted(errno: 5) : nil }
        #expect(throws: DiskError.self) { try LateFile(CommitterFixture.folder, on: disk).append([chunk]) }
        disk.setPlan { _ in nil }
        _ = try LateFile(CommitterFixture.folder, on: disk).append([chunk])
        disk.losePower(.losesUnsynced)
        #expect(try LateFile(CommitterFixture.folder, on: disk).snapshot.total.chunks == 1)
        // A process that is killed before its sync.
        let file = try disk.open(CommitterFixture.folder.late, .readWrite)
        try file.writeAll(Array("2025-11-20T22:11:15.001Z,1,2,5\n".utf8), at: try file.size())
        #expect(try LateFile(CommitterFixture.folder, on: disk).snapshot.total.chunks == 2)
        disk.losePower(.losesUnsynced)
        #expect(try LateFile(CommitterFixture.folder, on: disk).snapshot.total.chunks == 2)
    }

    @Test("the list is bounded, for each agency and for all")
    func bound() {
        var list = LateList()
        func add(_ agency: Int, _ sequence: Int) -> Bool {
            list.add(
                LateChunk(
                    time: Self.cutOff, agency: AgencyID(UInt32(agency)), sequence: UInt32(sequence), bets: 1)) != nil
        }
        for agency in 1...LateList.maxChunks / LateList.maxAgencyChunks {
            for sequence in 1...LateList.maxAgencyChunks { #expect(add(agency, sequence)) }
            #expect(!add(agency, LateList.maxAgencyChunks + 1))
        }
        #expect(!add(1000, 1))
        #expect(list.total.chunks == LateList.maxChunks)
    }

    @Test("a cut-off moves in both directions until it has passed; then it stays")
    func moves() throws {
        let (fixture, clock) = try Self.fixture(at: -60_000)
        let later = Instant(milliseconds: Self.cutOff.milliseconds + 1000)
        #expect(fixture.committer.moveCutOff(to: later, by: "operator") && fixture.committer.cutOff == later)
        clock.withLockedValue { $0 = 500 }
        #expect(fixture.committer.isOpen(at: Instant(milliseconds: Self.cutOff.milliseconds + 500)))
        #expect(!fixture.committer.moveCutOff(to: Self.cutOff, by: "operator"), "it has passed")
        clock.withLockedValue { $0 = 1000 }
        #expect(!fixture.committer.moveCutOff(to: Instant(milliseconds: later.milliseconds + 1000), by: "operator"))
        #expect(fixture.committer.cutOff == later)
    }

    @Test("WELCOME has the server's time and the cut-off for version 3, and neither for version 2")
    func welcome() throws {
        let (fixture, _) = try Self.fixture(at: -90_000)
        for version in [2, 3] as [UInt8] {
            let sink = RecordingSink()
            fixture.committer.stage(.join(AgencyID(1), version: version), from: fixture.connection(answers: sink))
            #expect(fixture.committer.commitStaged())
            guard case .welcome(let welcome)? = sink.messages.first else {
                Issue.record("\(sink.messages)")
                continue
            }
            let time = DrawTime(
                now: Instant(milliseconds: Self.cutOff.milliseconds - 90_000), cutOff: Self.cutOff)
            #expect(welcome.time == (version == 3 ? time : nil))
            #expect(time.left == .seconds(90))
        }
    }
}
