import Domain
import Foundation
import Ledger
import NIOEmbedded
import Shell
import TestKit
import Testing
import WireProtocol

@testable import BetIngest
@testable import WinnersService

/// Tests that flip the bits of a small draw's files, one at a time.
///
/// With `FAULTS=full` they flip every bit of the ledger, otherwise every 61st.
struct BitRotTests {
    private static let isFull = ProcessInfo.processInfo.environment["FAULTS"] == "full"
    private static let folder = DrawFolder(data: "/data", draw: Samples.draw)

    private final class Silence: AnswerSink {
        func send(_ answer: Answer) {}
    }

    /// Makes a published draw of two agencies with two chunks each.
    private func draw() throws -> SimulatedDisk {
        let disk = SimulatedDisk()
        let flags = ["agencies": "2", "data": "/data", "draw.winningNumber": "7"]
        let configuration = try ServiceConfiguration(flags: flags, environment: [:], file: nil)
        let ingest = try SimulatedIngest(
            configuration, on: disk, loop: EmbeddedEventLoop(), ledgerID: 7, clock: { 1_763_676_675_000 })
        for agency in 1...2 {
            let connection = IngestConnection(peer: "test", port: ingest.port(nil), answers: Silence())
            let agencyID = AgencyID(UInt32(agency))
            ingest.committer.stage(.join(agencyID, version: Message.version), from: connection)
            for sequence in 1...2 as ClosedRange<UInt32> {
                let chunk = Samples.chunk(agency: agency, sequence: sequence, count: 20, isLast: sequence == 2)
                ingest.committer.stage(.chunk(CheckedChunk(chunk, fault: nil), agencyID), from: connection)
            }
            ingest.commit()
        }
        for _ in 0..<4 {
            try ingest.handleEvent()
            ingest.commit()
        }
        _ = try #require(disk.bytes(Self.folder.result))
        return disk
    }

    @Test("a flipped bit of a sealed ledger is an error or a torn closing group, and never changes the bets")
    func ledger() throws {
        let disk = try draw()
        let good = try #require(disk.bytes(Self.folder.ledger))
        let whole = try LedgerContents(reading: Self.folder.ledger, on: disk)
        var flipped = 0
        var torn = 0
        for bit in stride(from: 0, to: good.count * 8, by: Self.isFull ? 1 : 61) {
            var bytes = good
            bytes[bit / 8] ^= 1 << (bit % 8)
            disk.put(Self.folder.ledger, bytes)
            flipped += 1
            do throws(LedgerError) {
                let contents = try LedgerContents(reading: Self.folder.ledger, on: disk)
                // Only the closing group can look like a torn group: it has no bets.
                #expect(contents.end.tornBytes > 0 && !contents.end.isClosed, "bit \(bit) was not noticed")
                #expect(contents.standings.standings == whole.standings.standings, "bit \(bit) changed the bets")
                torn += 1
            } catch {
                continue
            }
        }
        try writeOutput(
            "bit rot: \(flipped) of \(good.count * 8) bits of a ledger, \(torn) read as a torn closing group")
    }

    @Test("bytes after the end of a sealed ledger are damage, whatever they are", arguments: [1, 600, 9000])
    func appended(_ count: Int) throws {
        let disk = try draw()
        let good = try #require(disk.bytes(Self.folder.ledger))
        disk.put(Self.folder.ledger, good + [UInt8](repeating: 0xA5, count: count))
        #expect(throws: LedgerError.self) { try LedgerContents(reading: Self.folder.ledger, on: disk) }
        disk.put(Self.folder.ledger, good)
        #expect(throws: Never.self) { try LedgerContents(reading: Self.folder.ledger, on: disk) }
    }

    @Test("a result.json with a flipped bit is rejected by both services")
    func result() throws {
        let disk = try draw()
        let good = try #require(disk.bytes(Self.folder.result))
        let contents = try LedgerContents(reading: Self.folder.ledger, on: disk)
        for bit in 0..<good.count * 8 {
            var bytes = good
            bytes[bit / 8] ^= 1 << (bit % 8)
            disk.put(Self.folder.result, bytes)
            #expect(throws: PublishedDrawError.self, "bit \(bit)") {
                try PublishedDraw(Self.folder, contents: contents, on: disk)
            }
            var published = PublishedResult(folder: Self.folder, disk: disk)
            let isServed = published.changes().contains { if case .result = $0 { true } else { false } }
            #expect(!isServed, "bit \(bit)")
        }
        try writeOutput("bit rot: \(good.count * 8) of \(good.count * 8) bits of a result")
    }
}
