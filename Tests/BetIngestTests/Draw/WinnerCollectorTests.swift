import Connections
import Dialects
import Domain
import Ledger
import Storage
import TestKit
import Testing
import WireProtocol

@testable import BetIngest

/// Tests of winners in bounded memory: the file does not depend on the number of runs, and is sent in pieces.
struct WinnerCollectorTests {
    private static let agencies: UInt32 = 7

    /// Returns winners of random agencies, each with a unique document.
    private func winners(seed: UInt64, count: Int) -> [(AgencyID, String)] {
        var random = SeededGenerator(seed: seed)
        return (0..<count).map { index in
            (
                AgencyID(UInt32.random(in: 1...Self.agencies, using: &random)),
                index % 9 == 0 ? "A\(index)" : "\(30_000_000 + index)"
            )
        }
    }

    private func write(_ winners: [(AgencyID, String)], maxBytes: Int, on disk: SimulatedDisk) throws
        -> DrawResult.WinnersSeal
    {
        var collector = WinnerCollector(path: "runs", on: disk, maxBytes: maxBytes)
        for (agency, document) in winners { try collector.append(Array(document.utf8).span, of: agency) }
        var runs = collector.runs()
        var writer = try WinnersFileWriter("winners", agencies: Self.agencies, on: disk)
        for number in 1...Self.agencies {
            _ = try writer.append(AgencyID(number), AgencyStanding(), from: &runs) { _ in }
        }
        try collector.removeFile()
        return try writer.finish(winningNumber: 7, ledgerID: 9)
    }

    @Test("the winners file is the same, however little memory the draw has", arguments: [0, 1, 10, 3000])
    func runs(_ count: Int) throws {
        let winners = winners(seed: 5, count: count)
        let (large, small) = (SimulatedDisk(), SimulatedDisk())
        let expected = try write(winners, maxBytes: 1 << 20, on: large)
        #expect(try write(winners, maxBytes: 200, on: small) == expected)
        #expect(small.bytes("winners") == large.bytes("winners"))
        #expect(small.bytes("runs") == nil, "the file for runs is removed")
    }

    @Test("each agency gets its own winners in the order of the ledger, in pieces, in every protocol")
    func streams() throws {
        let winners = winners(seed: 6, count: 20_000)
        let disk = SimulatedDisk()
        let seal = try write(winners, maxBytes: 4096, on: disk)
        var result = Samples.result(winners: Array(repeating: [], count: Int(Self.agencies)), winningNumber: 7)
        result.version = 2
        result.ledgerID = DrawResult.text(ledgerID: 9)
        result.winnersFile = seal
        let file = try WinnersFile("winners", of: result, on: disk)
        for number in 0...Self.agencies + 1 {
            let agency = AgencyID(number)
            let expected = winners.filter { $0.0 == agency }.map(\.1)
            let entry = try file.entry(agency)
            #expect(entry.winners == UInt64(expected.count))
            for dialect in [nil, SemicolonDialect(), LinesDialect(), JSONDialect(), PipeDialect()] as [(any Dialect)?] {
                var stream = try #require(WinnersStream(file, entry, dialect: dialect))
                var bytes: [UInt8] = []
                while !stream.isDone { try stream.appendNext(to: &bytes) }
                if let dialect {
                    let form = dialect.winnersForm(
                        count: entry.winners, documentsBytes: entry.documentsBytes, areIntegers: entry.areIntegers)
                    #expect(bytes == form?.bytes(of: expected), "\(dialect.name), agency \(agency)")
                } else {
                    #expect(try documents(bytes) == expected)
                }
            }
            // The tlv dialect can express only documents that are u32 numbers.
            let isTold = WinnersStream(file, entry, dialect: TLVDialect()) != nil
            #expect(isTold == expected.allSatisfy { UInt32($0) != nil })
        }
    }

    /// Returns the documents of all INFORM_AGENCY_WINNERS of an answer; checks `hasMore` of each.
    private func documents(_ bytes: [UInt8]) throws -> [String] {
        var (documents, start): ([String], Int) = ([], 0)
        while start < bytes.count {
            let length = bytes[start..<start + 4].reduce(0) { $0 << 8 | Int($1) }
            let message = try Message(frame: Array(bytes[start + 4..<start + 4 + length]))
            guard case .winners(let winners) = message else { return [] }
            documents += winners.documents
            start += 4 + length
            #expect(winners.hasMore == (start < bytes.count))
        }
        return documents
    }

    @Test("winners that changed after the publication are not sent completely")
    func damaged() throws {
        let disk = SimulatedDisk()
        let seal = try write(winners(seed: 7, count: 5000), maxBytes: 1 << 20, on: disk)
        var result = Samples.result(winners: Array(repeating: [], count: Int(Self.agencies)), winningNumber: 7)
        result.version = 2
        result.ledgerID = DrawResult.text(ledgerID: 9)
        result.winnersFile = seal
        let file = try WinnersFile("winners", of: result, on: disk)
        let entry = try file.entry(AgencyID(1))
        let handle = try disk.open("winners", .readWrite)
        try handle.writeAll(Array("9".utf8), at: entry.offset + 3)
        var stream = try #require(WinnersStream(file, entry, dialect: nil))
        #expect(throws: WinnersFault.changed) {
            var bytes: [UInt8] = []
            while !stream.isDone { try stream.appendNext(to: &bytes) }
        }
    }
}
