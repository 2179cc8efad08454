import Domain
import TestKit
import Testing
import WireProtocol

@testable import Agency

struct BetStreamTests {
    private let disk = SimulatedDisk()

    init() {
        var dataset = Dataset(seed: 5, winningNumber: 7574)
        var (rows, winners): ([UInt8], [String]) = ([], [])
        for index in 0..<1000 {
            if index % 100 == 50 { rows += Array("no bet\r\n".utf8) }
            dataset.appendRow(to: &rows, winners: &winners)
        }
        disk.put("bets.csv", rows)
    }

    private func stream(maxBets: Int = 100, maxBytes: Int = 8192) throws -> BetStream {
        let reader = BetFileReader(try BetFile("bets.csv", on: disk), today: Samples.today)
        let report = RowReport.invalid(of: "bets.csv", on: SimulatedDisk()) { _ in }
        let check = try BetFileCheck(reader, invalid: report)
        #expect(check.bets == 1000 && check.invalidLines == 10 && report.count == 10)
        return BetStream(reader: reader, check: check, packer: ChunkPacker(maxBets: maxBets, maxBytes: maxBytes))
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
    }

    @Test("from any position the stream continues with the rest, whatever its chunks were, and knows the digests")
    func resume() throws {
        var whole = try stream()
        let all = bets(try allChunks(&whole))
        for place in [0, 1, 99, 100, 101, 555, 999, 1000] {
            var stream = try stream(maxBets: 33)
            _ = try stream.nextChunk(sequence: 1)
            _ = try stream.nextChunk(sequence: 2)
            let lastCount = min(place, 77)
            let digests = try stream.seek(toBets: place, lastCount: lastCount)
            #expect(digests?.all == digest(all[..<place]) && digests?.last == digest(all[..<place].suffix(lastCount)))
            #expect(bets(try allChunks(&stream)) == Array(all[place...]))
        }
        var tooFar = try stream()
        #expect(try tooFar.seek(toBets: 1001, lastCount: 0) == nil)
    }

    private func digest(_ bets: ArraySlice<Bet>) -> BetsDigest {
        var builder = BetColumnsBuilder()
        for bet in bets { builder.append(bet) }
        return builder.takeDigest()
    }

    @Test("a chunk is packed again identically, even with other limits, and the stream continues after it")
    func again() throws {
        var stream = try stream(maxBets: 60)
        _ = try stream.nextChunk(sequence: 1)
        let second = try stream.nextChunk(sequence: 2)
        let third = try stream.nextChunk(sequence: 3)
        stream.limitChunks(toBytes: 1024)
        stream.seek(to: second.start)
        let again = try stream.nextChunk(sequence: 2, count: second.chunk.count, isLast: false)
        #expect(again.chunk == second.chunk && again.start.bets == 60)
        #expect(stream.checkpoint.bets == third.start.bets && stream.checkpoint.digest == third.start.digest)
        #expect(bets([try stream.nextChunk(sequence: 3).chunk])[0] == bets([third.chunk])[0])
    }

    @Test(
        "the lines of a rejected chunk are reported with number, reason and bytes, appended to those of earlier runs"
    )
    func rejected() throws {
        var stream = try stream(maxBets: 60)
        let first = try stream.nextChunk(sequence: 1)
        for _ in 0..<2 {
            let report = RowReport.rejected(of: "bets.csv", on: disk) { _ in }
            try stream.report(first.start, count: first.chunk.count, to: report) { "bet \($0): \"no\"" }
            #expect(report.finish())
        }
        let text = String(decoding: disk.bytes("bets.csv.rejected.csv") ?? [], as: UTF8.self)
        let rows = text.split(separator: "\r\n")
        #expect(rows.count == 121 && rows[0] == "line,column,reason,row")
        #expect(rows[1].hasPrefix("1,,\"bet 0: \"\"no\"\"\",\""))
        #expect(rows[51].hasPrefix("52,,") && rows[60].hasPrefix("61,,") && rows[61].hasPrefix("1,,"))
    }
}
