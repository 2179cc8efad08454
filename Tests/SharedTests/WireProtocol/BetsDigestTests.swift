import Domain
import TestKit
import Testing
import WireProtocol

struct BetsDigestTests {
    private func digest(_ bets: [Bet]) -> BetsDigest {
        let chunk = Samples.chunk(sequence: 1, bets: bets)
        return BetsDigest(BetColumns(chunk.bets, count: chunk.count))
    }

    @Test("however bets are cut into chunks, their digest is the same")
    func chunking() {
        var random = SeededGenerator(seed: 4711)
        let bets = (0..<500).map(Samples.bet)
        let whole = digest(bets)
        for _ in 0..<50 {
            var (sum, start) = (BetsDigest(), 0)
            while start < bets.count {
                let end = min(bets.count, start + Int.random(in: 1...90, using: &random))
                sum.append(digest(Array(bets[start..<end])))
                start = end
            }
            #expect(sum.checksum == whole.checksum)
            #expect(sum == whole)
        }
    }

    @Test("a chunk's checksum, combined from its columns, equals that of its bytes")
    func chunkChecksum() {
        for count in [0, 1, 2, 100, 3000] {
            let chunk = Samples.chunk(sequence: 1, bets: (0..<count).map(Samples.bet))
            let digest = BetsDigest(BetColumns(chunk.bets, count: count))
            #expect(digest.chunkChecksum == CRC32C.checksum(chunk.bets.bytes))
        }
    }

    @Test("changing any field, swapping two bets and dropping a bet each change the digest")
    func changes() {
        let bets = (0..<20).map(Samples.bet)
        let whole = digest(bets)
        let edits: [(inout Bet) -> Void] = [
            { $0.number += 1 }, { $0.birthdate = Birthdate(packed: 19_991_231) }, { $0.document += "1" },
            { $0.firstName += "a" }, { $0.lastName = "Paz" },
            { bet in (bet.firstName, bet.lastName) = (bet.firstName + "N", String(bet.lastName.dropFirst())) },
        ]
        for index in bets.indices {
            for edit in edits {
                var changed = bets
                edit(&changed[index])
                #expect(digest(changed).checksum != whole.checksum)
            }
            var fewer = bets
            fewer.remove(at: index)
            #expect(digest(fewer).checksum != whole.checksum)
            var exchanged = bets
            exchanged.swapAt(index, (index + 1) % bets.count)
            #expect(digest(exchanged).checksum != whole.checksum)
        }
    }

    @Test("checksums combine alike with and without the CPU's carry-less multiplication")
    func combine() {
        var random = SeededGenerator(seed: 12)
        let bytes = (0..<5000).map { _ in UInt8.random(in: 0...255, using: &random) }
        let whole = CRC32C.checksum(bytes.span.bytes)
        for cut in [0, 1, 7, 255, 256, 1000, 4096, 4999, 5000] {
            let first = CRC32C.checksum(bytes.span.bytes.extracting(..<cut))
            let second = CRC32C.checksum(bytes.span.bytes.extracting(cut...))
            #expect(CRC32C.combine(first, second, secondBytes: 5000 - cut) == whole)
            #expect(CRC32C.portableCombine(first, second, secondBytes: 5000 - cut) == whole)
        }
    }
}
