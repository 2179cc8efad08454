import Domain
import TestKit
import Testing
import WireProtocol

@testable import Agency

struct BetFileReaderTests {
    private func reader(_ bytes: [UInt8]) throws -> BetFileReader {
        let disk = SimulatedDisk()
        disk.put("bets.csv", bytes)
        return BetFileReader(try BetFile("bets.csv", on: disk), today: Samples.today)
    }

    private func read(_ bytes: [UInt8]) throws -> (bets: [Bet], faults: [(line: Int, column: Int, reason: String)]) {
        var reader = try reader(bytes)
        var builder = BetColumnsBuilder()
        var bets: [Bet] = []
        var faults: [(Int, Int, String)] = []
        while let row = try reader.nextRow() {
            switch row {
            case .bet(let bet):
                reader.append(bet, to: &builder)
                let chunk = builder.takeChunk(sequence: 1, isLast: false)
                bets += BetColumns(chunk.bets, count: 1).bets
            case .fault(let fault):
                faults.append((reader.position.lines, fault.column, "\(fault.fault)"))
            }
        }
        #expect(reader.position.byteOffset == bytes.count)
        #expect(reader.position.bets == bets.count)
        return (bets, faults)
    }

    @Test("a byte order mark, accents, quotes and a last line without a line end are read")
    func oddities() throws {
        let text =
            "\u{FEFF}Tiago Nicolás,Rivera,34407251,2001-08-29,0007\r\n\r\n\"Ana, \"\"la\"\"\",Paz,A1,1900-01-01,9999"
        let (bets, faults) = try read(Array(text.utf8))
        #expect(faults.isEmpty)
        #expect(bets.map(\.firstName) == ["Tiago Nicolás", "Ana, \"la\""])
        #expect(bets.map(\.number) == [7, 9999])
    }

    @Test(
        "an invalid line is reported with its line number in an editor, column and reason; the other lines are read"
    )
    func faults() throws {
        let rows = [
            "Ana,Paz,1,1999-03-17,1", "Ana,Paz,1,1999-02-30,1", "Ana,,1,1999-03-17,1", "Ana,Paz,1,1999-03-17,10000", "",
            "\"Ana\",Paz,1-2,1999-03-17,1", "x", "Ana,Paz,1,1999-03-17,2",
        ]
        let (bets, faults) = try read(Array(rows.joined(separator: "\r\n").utf8))
        #expect(bets.map(\.number) == [1, 2])
        #expect(faults.map(\.line) == [2, 3, 4, 6, 7])
        #expect(faults.map(\.column) == [11, 5, 22, 11, 1])
        #expect(faults[0].reason == "the birthdate 1999-02-30 is not in the calendar")
    }

    @Test("an unclosed quote invalidates only its own line, and later line numbers match an editor's")
    func strayQuote() throws {
        let good = (0..<50).map { "Ana,Paz,\($0),1999-03-17,1" }
        let rows = ["\"Ana,Paz,1,1999-03-17,1"] + good + ["\"Eva, la\",Gil,3,1999-03-17,1", "bad"]
        let (bets, faults) = try read(Array(rows.joined(separator: "\n").utf8))
        #expect(bets.count == 51 && bets.last?.firstName == "Eva, la")
        #expect(faults.map(\.line) == [1, 53])
    }

    @Test("the bytes of the last line are those of the file, including quotes")
    func lineBytes() throws {
        var reader = try reader(Array("Ana,Paz,1,1999-03-17,1\r\n\n\"E\"\"va\",\"\",x\r\nno".utf8))
        var lines: [String] = []
        while try reader.nextRow() != nil { lines.append(String(decoding: try reader.lineBytes(), as: UTF8.self)) }
        #expect(lines == ["Ana,Paz,1,1999-03-17,1", "\"E\"\"va\",\"\",x", "no"])
    }

    @Test("a line of a megabyte is one invalid line")
    func longLine() throws {
        let row = "Ana,Paz,1,1999-03-17,1\n"
        let long = [UInt8](repeating: UInt8(ascii: "x"), count: 1_000_000) + [10]
        let (bets, faults) = try read(Array(row.utf8) + long + Array(row.utf8))
        #expect(bets.count == 2)
        #expect(faults.map(\.line) == [2])
    }

    @Test("the stop signal is checked before each block, even in an endless line and among empty lines")
    func stop() throws {
        for text in [[UInt8](repeating: 120, count: 4 << 20), [UInt8](repeating: 10, count: 4 << 20)] {
            let disk = SimulatedDisk()
            disk.put("bets.csv", text)
            var asked = 0
            var reader = BetFileReader(try BetFile("bets.csv", on: disk), today: Samples.today) {
                asked += 1
                return asked > 3 ? "SIGTERM" : nil
            }
            #expect(throws: Stopped.self) { while try reader.nextRow() != nil {} }
            #expect(reader.position.byteOffset <= 1 << 20)
        }
    }

    @Test("the position after a line that is too long is between two lines, wherever a block ends")
    func positionAfterLongLine() throws {
        let row = Array("Ana,Paz,1,1999-03-17,1\n".utf8)
        let blockBytes = 256 << 10
        // Found by a fuzzer: the block ends inside the long line, just before bytes that look like a bet.
        let betsBefore = (blockBytes - 5000) / row.count
        let rows = Array(repeatElement(row, count: betsBefore).joined())
        let long = [UInt8](repeating: UInt8(ascii: "x"), count: blockBytes - rows.count)
        var reader = try reader(rows + long + row + row)
        while let read = try reader.nextRow() {
            guard case .fault = read else { continue }
            #expect(reader.position.byteOffset == blockBytes + row.count)
            let position = reader.position
            reader.seek(to: position)
        }
        #expect(reader.position.lines == betsBefore + 2 && reader.position.bets == betsBefore + 1)
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
