import Foundation
import Shared
import TestKit
import Testing

@testable import Agency

struct BetStreamTests {
    private let folder: TemporaryFolder
    private let rejected: RejectedRows
    private let rows: [UInt8]

    init() throws {
        folder = try TemporaryFolder()
        rejected = RejectedRows(path: folder.path + "/bets.csv")
        var dataset = Dataset(seed: 5, winningNumber: 7574)
        var (rows, winners): ([UInt8], [String]) = ([], [])
        for index in 0..<1000 {
            if index % 100 == 50 { rows += Array("no bet\r\n".utf8) }
            dataset.appendRow(to: &rows, winners: &winners)
        }
        self.rows = rows
    }

    private func stream(maxBets: Int = 100, maxBytes: Int = 8192) throws -> BetStream {
        let disk = SimulatedDisk()
        disk.put("bets.csv", rows)
        return BetStream(
            reader: try BetFileReader("bets.csv", today: Samples.today, on: disk),
            packer: ChunkPacker(maxBets: maxBets, maxBytes: maxBytes), rejected: rejected)
    }

    private func bets(_ chunks: [Chunk]) -> [Bet] {
        chunks.flatMap { BetColumns($0.bets, count: $0.count).bets }
    }

    private func allChunks(_ stream: inout BetStream) throws -> [Chunk] {
        var chunks: [Chunk] = []
        repeat {
            chunks.append(try stream.nextChunk(sequence: UInt32(chunks.count + 1)).chunk)
        } while chunks.last?.isLast == false
        return chunks
    }

    @Test("chunks keep both limits, in bets and in bytes of the whole frame", arguments: [(7, 8192), (1000, 1024)])
    func limits(_ maxBets: Int, _ maxBytes: Int) throws {
        var stream = try stream(maxBets: maxBets, maxBytes: maxBytes)
        let chunks = try allChunks(&stream)
        for chunk in chunks {
            #expect(chunk.count <= maxBets && chunk.frame.count + 4 <= maxBytes)
            #expect(chunk.isLast || chunk.count == maxBets || chunk.frame.count + 4 > maxBytes - Limits.maxBetBytes)
        }
        #expect(chunks.map(\.sequence) == Array(1...UInt32(chunks.count)))
        #expect(bets(chunks).count == 1000)
        #expect(rejected.faultyCount == 10)
    }

    @Test("from any place of the stream on, the rest follows, whatever the chunks were")
    func resume() throws {
        var whole = try stream()
        let all = bets(try allChunks(&whole))
        for place in [0, 1, 99, 100, 101, 555, 999, 1000] {
            var stream = try stream(maxBets: 33)
            _ = try stream.nextChunk(sequence: 1)
            _ = try stream.nextChunk(sequence: 2)
            #expect(try stream.seek(toBets: place, known: []))
            #expect(bets(try allChunks(&stream)) == Array(all[place...]))
        }
        #expect(rejected.faultyCount == 10)
        var tooFar = try stream()
        #expect(try !tooFar.seek(toBets: 1001, known: []))
    }

    @Test("a place that was read before saves reading the file again, and gives the same rest")
    func knownPlaces() throws {
        var stream = try stream()
        let first = try stream.nextChunk(sequence: 1)
        let second = try stream.nextChunk(sequence: 2)
        #expect(second.start.bets == 100)
        #expect(try stream.seek(toBets: 100, known: [first.start, second.start]))
        #expect(stream.position == second.start)
        #expect(try stream.nextChunk(sequence: 2).chunk == second.chunk)
    }

    @Test("the rows of a refused chunk are noted, each with number and reason")
    func refused() throws {
        var stream = try stream(maxBets: 60)
        let first = try stream.nextChunk(sequence: 1)
        try stream.reject(first, reason: "the service says \"no\"")
        let faulty = try String(contentsOfFile: rejected.rejectedPath, encoding: .utf8).split(separator: "\r\n")
        let refused = try String(contentsOfFile: rejected.refusedPath, encoding: .utf8).split(separator: "\r\n")
        #expect(faulty.count == 2 && faulty[1].hasPrefix("51,\"the row has 1 fields"))
        #expect(refused.count == 61)
        #expect(refused[1] == "1,\"the service says \"\"no\"\"\"")
        #expect(refused.last?.hasPrefix("61,") == true)
        // A later run knows of its faulty rows only, and keeps what was refused.
        let later = RejectedRows(path: folder.path + "/bets.csv")
        later.begin(isFreshStart: false)
        try later.appendRefused(row: 99, reason: "again")
        #expect(!FileManager.default.fileExists(atPath: rejected.rejectedPath))
        let both = try String(contentsOfFile: rejected.refusedPath, encoding: .utf8)
        #expect(both.split(separator: "\r\n").count == 62)
        RejectedRows(path: folder.path + "/bets.csv").begin(isFreshStart: true)
        #expect(!FileManager.default.fileExists(atPath: rejected.refusedPath))
    }
}
