import Domain
import Ledger
import TestKit
import Testing
import WireProtocol

@testable import BetIngest

struct DrawTests {
    /// Makes a sealed ledger of three agencies, of which the third has no bets.
    private func sealedLedger() throws -> CommitterFixture {
        let fixture = try CommitterFixture(agencies: 3)
        let (first, _) = fixture.join(1)
        let (second, _) = fixture.join(2)
        func bet(_ document: String, _ number: UInt16) -> Bet {
            var bet = Samples.bet(1)
            bet.document = document
            bet.number = number
            return bet
        }
        let bets = [bet("A1", 7), bet("A2", 8), bet("A3", 7)]
        fixture.stage(Samples.chunk(sequence: 1, bets: bets), 1, first)
        let rejected = Samples.chunk(sequence: 2, bets: [bet("A4", 7)])
        fixture.stage(rejected, 1, first, fault: .bet(index: 0, .documentCharacter))
        fixture.stage(Samples.chunk(sequence: 3, bets: [bet("A1", 7)], isLast: true), 1, first)
        fixture.stage(Samples.chunk(sequence: 1, bets: [bet("B1", 9)], isLast: true), 2, second)
        let (third, _) = fixture.join(3)
        fixture.stage(Samples.chunk(sequence: 1, bets: [], isLast: true), 3, third)
        let committer = fixture.committer
        committer.seal(.allFinished)
        committer.stop()
        committer.run()
        #expect(fixture.durableSeals.count == 1)
        return fixture
    }

    private static let number = DrawnNumber(number: 7, method: "configured")

    private func seal(_ fixture: CommitterFixture) throws -> SealRecord {
        try #require(try fixture.contents().standings.seal)
    }

    @Test("each agency has its own winners, in the order of the ledger, or an empty list")
    func winners() throws {
        let fixture = try sealedLedger()
        let draw = Draw(
            folder: CommitterFixture.folder, disk: fixture.disk, winnersPath: CommitterFixture.folder.winners
        ) { false }
        let result = try #require(try draw.run(try seal(fixture), number: Self.number))
        #expect(result.agencies?.map(\.winners) == [["A1", "A3", "A1"], [], []])
        #expect(result.agencies?.map(\.bets) == [4, 1, 0])
        #expect(result.agencies?.map(\.rejectedBets) == [1, 0, 0])
        #expect(result.bets == 5 && result.winningNumber == 7)
        #expect(result.ledgerBytes == fixture.disk.bytes(CommitterFixture.folder.ledger)?.count)
    }

    @Test("the number decides, and a stop ends a draw without a result")
    func stop() throws {
        let fixture = try sealedLedger()
        let seal = try seal(fixture)
        let draw = Draw(
            folder: CommitterFixture.folder, disk: fixture.disk, winnersPath: CommitterFixture.folder.winners
        ) { false }
        #expect(try draw.run(seal, number: DrawnNumber(number: 9, method: "entered"))?.agencies?[1].winners == ["B1"])
        let stopped = Draw(
            folder: CommitterFixture.folder, disk: fixture.disk, winnersPath: CommitterFixture.folder.winners
        ) { true }
        #expect(try stopped.run(seal, number: Self.number) == nil)
    }

    @Test("a ledger that does not end with the draw's seal gives no result", arguments: 0..<4)
    func otherSeal(_ change: Int) throws {
        let fixture = try sealedLedger()
        var seal = try seal(fixture)
        switch change {
        case 0: seal.reason = .operator
        case 1: seal.bets += 1
        case 2: seal.agencies += 1
        default: seal.instant = Instant(milliseconds: 1)
        }
        let draw = Draw(
            folder: CommitterFixture.folder, disk: fixture.disk, winnersPath: CommitterFixture.folder.winners
        ) { false }
        #expect(throws: LedgerError.self) { try draw.run(seal, number: Self.number) }
    }

    @Test("a damaged ledger gives no result")
    func damage() throws {
        let fixture = try sealedLedger()
        let seal = try seal(fixture)
        var bytes = try #require(fixture.disk.bytes(CommitterFixture.folder.ledger))
        bytes[4096 + GroupHeader.byteCount + RecordHeader.byteCount] ^= 1
        fixture.disk.put(CommitterFixture.folder.ledger, bytes)
        let draw = Draw(
            folder: CommitterFixture.folder, disk: fixture.disk, winnersPath: CommitterFixture.folder.winners
        ) { false }
        #expect(throws: LedgerError.self) { try draw.run(seal, number: Self.number) }
    }

    @Test("a restart accepts only the result and the winners file of the ledger beside them")
    func published() throws {
        let fixture = try sealedLedger()
        let (folder, disk) = (CommitterFixture.folder, fixture.disk)
        let contents = try fixture.contents()
        #expect(try PublishedDraw(folder, contents: contents, on: disk) == nil)
        try WinningNumber(
            draw: Samples.draw, ledgerID: "0000000000000007", number: 7, source: .configured, enteredBy: [],
            time: Instant(milliseconds: 1)
        ).write(to: folder, on: disk)
        let draw = Draw(folder: folder, disk: disk, winnersPath: folder.winners) { false }
        let result = try #require(try draw.run(try seal(fixture), number: Self.number))
        disk.put(folder.result, result.fileBytes)
        #expect(try PublishedDraw(folder, contents: contents, on: disk)?.result == result)
        let changes: [(inout DrawResult) -> Void] = [
            { $0.winningNumber = 8 }, { $0.ledgerID = "0000000000000008" }, { $0.ledgerBytes += 4096 },
            { $0.draw = DrawID("other") ?? $0.draw }, { $0.winnersFile?.sha256 = "" },
        ]
        for change in changes {
            var other = result
            change(&other)
            disk.put(folder.result, other.fileBytes)
            #expect(throws: PublishedDrawError.self) { try PublishedDraw(folder, contents: contents, on: disk) }
        }
        disk.put(folder.result, [1, 2, 3])
        #expect(throws: PublishedDrawError.self) { try PublishedDraw(folder, contents: contents, on: disk) }
        disk.put(folder.result, result.fileBytes)
        var winners = try #require(disk.bytes(folder.winners))
        winners[winners.count - 1] ^= 1
        disk.put(folder.winners, winners)
        #expect(throws: PublishedDrawError.self) { try PublishedDraw(folder, contents: contents, on: disk) }
        try disk.remove(folder.winners)
        #expect(throws: PublishedDrawError.self) { try PublishedDraw(folder, contents: contents, on: disk) }
    }
}
