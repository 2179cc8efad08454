import Shared
import TestKit
import Testing

@testable import Agency

struct BetFileReaderTests {
    private func read(_ bytes: [UInt8]) throws -> (bets: [Bet], faults: [(row: Int, reason: String)]) {
        let disk = SimulatedDisk()
        disk.put("bets.csv", bytes)
        var reader = try BetFileReader("bets.csv", today: Samples.today, on: disk)
        var builder = BetColumnsBuilder()
        var bets: [Bet] = []
        var faults: [(Int, String)] = []
        while let row = try reader.nextRow() {
            switch row {
            case .bet(let bet):
                reader.append(bet, to: &builder)
                let chunk = builder.takeChunk(sequence: 1, isLast: false)
                bets += BetColumns(chunk.bets, count: 1).bets
            case .fault(let fault):
                faults.append((reader.position.rows, "\(fault)"))
            }
        }
        #expect(reader.position.byteOffset == bytes.count)
        #expect(reader.position.bets == bets.count)
        return (bets, faults)
    }

    @Test("a byte order mark, accents, quotes and a last line without its end are read")
    func oddities() throws {
        let text =
            "\u{FEFF}Tiago Nicolás,Rivera,34407251,2001-08-29,0007\r\n\r\n\"Ana, \"\"la\"\"\",Paz,A1,1900-01-01,9999"
        let (bets, faults) = try read(Array(text.utf8))
        #expect(faults.isEmpty)
        #expect(bets.map(\.firstName) == ["Tiago Nicolás", "Ana, \"la\""])
        #expect(bets.map(\.number) == [7, 9999])
    }

    @Test("a row that is no bet is reported with its number and reason, the others are read")
    func faults() throws {
        let rows = [
            "Ana,Paz,1,1999-03-17,1", "Ana,Paz,1,1999-02-30,1", "Ana,,1,1999-03-17,1", "Ana,Paz,1,1999-03-17,10000", "",
            "Ana,Paz,1-2,1999-03-17,1", "x", "Ana,Paz,1,1999-03-17,2",
        ]
        let (bets, faults) = try read(Array(rows.joined(separator: "\r\n").utf8))
        #expect(bets.map(\.number) == [1, 2])
        #expect(faults.map(\.row) == [2, 3, 4, 6, 7])
        #expect(faults[0].reason == "the birthdate 1999-02-30 is not in the calendar")
    }

    @Test("a line of a megabyte is one faulty row")
    func longLine() throws {
        let row = "Ana,Paz,1,1999-03-17,1\n"
        let long = [UInt8](repeating: UInt8(ascii: "x"), count: 1_000_000) + [10]
        let (bets, faults) = try read(Array(row.utf8) + long + Array(row.utf8))
        #expect(bets.count == 2)
        #expect(faults.map(\.row) == [2])
    }

    @Test("a position behind a line that is too long lies between two rows, wherever a block ends")
    func positionBehindLongLine() throws {
        let row = Array("Ana,Paz,1,1999-03-17,1\n".utf8)
        let blockBytes = 256 << 10
        // Found by a fuzzer: the block ends inside the long line, just before what would be a bet of its own.
        let betsBefore = (blockBytes - 5000) / row.count
        let rows = Array(repeatElement(row, count: betsBefore).joined())
        let long = [UInt8](repeating: UInt8(ascii: "x"), count: blockBytes - rows.count)
        let disk = SimulatedDisk()
        disk.put("bets.csv", rows + long + row + row)
        var reader = try BetFileReader("bets.csv", today: Samples.today, on: disk)
        while let read = try reader.nextRow() {
            guard case .fault = read else { continue }
            #expect(reader.position.byteOffset == blockBytes + row.count)
            let position = reader.position
            reader.seek(to: position)
        }
        #expect(reader.position.rows == betsBefore + 2 && reader.position.bets == betsBefore + 1)
    }

    @Test("a file of many blocks is read to the last row")
    func manyBlocks() throws {
        var dataset = Dataset(seed: 3, winningNumber: 7574)
        var (rows, winners): ([UInt8], [String]) = ([], [])
        for _ in 0..<20_000 { dataset.appendRow(to: &rows, winners: &winners) }
        let (bets, faults) = try read(rows)
        #expect(bets.count == 20_000 && faults.isEmpty)
        #expect(bets.count { $0.number == 7574 } == winners.count)
    }
}
