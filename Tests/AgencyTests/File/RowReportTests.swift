import TestKit
import Testing

@testable import Agency

struct RowReportTests {
    private let disk = SimulatedDisk()
    private let told = SendingFixture.Told()

    private func report(_ path: String = "bets.csv") -> RowReport {
        .invalid(of: path, on: disk) { [told] in told.lines.append($0) }
    }

    private func text(_ path: String) -> String? {
        disk.bytes(path).map { String(decoding: $0, as: UTF8.self) }
    }

    @Test("lines are written with number, column, reason and bytes, in a file that appears only when complete")
    func written() throws {
        let report = report()
        report.append(line: 17, column: 20, reason: "it is \"x\"", row: Array("Ana,\"Paz\",\u{FF}".utf8) + [0xFF])
        #expect(!report.exists)
        #expect(report.finish() && report.exists && told.lines.isEmpty)
        let expected =
            Array("line,column,reason,row\r\n17,20,\"it is \"\"x\"\"\",\"Ana,\"\"Paz\"\",\u{FF}".utf8) + [
                0xFF, 34, 13, 10,
            ]
        #expect(disk.bytes("bets.csv.invalid.csv") == expected)
    }

    @Test("a run without lines keeps the file of an earlier one")
    func kept() {
        disk.put("bets.csv.invalid.csv", [1])
        #expect(!report().finish())
        #expect(disk.bytes("bets.csv.invalid.csv") == [1])
    }

    @Test("a run with lines replaces the whole file of an earlier one")
    func replaced() {
        disk.put("bets.csv.invalid.csv", Array("line,column,reason,row\r\n".utf8) + [UInt8](repeating: 1, count: 1000))
        let report = report()
        report.append(line: 1, column: nil, reason: "no", row: [])
        #expect(report.finish())
        #expect(text("bets.csv.invalid.csv") == "line,column,reason,row\r\n1,,\"no\",\"\"\r\n")
        #expect(disk.bytes("bets.csv.invalid.csv.new") == nil)
    }

    @Test("a user's file with the report's name is kept, and the lines go to standard error")
    func foreign() {
        for report in [report(), .rejected(of: "bets.csv", on: disk) { [told] in told.lines.append($0) }] {
            disk.put(report.path, Array("Ana,Paz,20000000,1990-01-01,7\r\n".utf8))
            told.lines = []
            report.append(line: 1, column: nil, reason: "no", row: [])
            #expect(!report.finish())
            #expect(told.lines.count == 2 && told.lines[0].contains("is not a list of rows"), "\(told.lines)")
            #expect(text(report.path) == "Ana,Paz,20000000,1990-01-01,7\r\n")
        }
    }

    @Test(
        "if the file cannot be written, twenty lines and the number of the others go to standard error",
        arguments: ["open", "write", "rename"])
    func told(_ call: String) {
        disk.setPlan { $0.name == call ? .failsAndIsNotPersisted(errno: 13) : nil }
        let report = report()
        for line in 1...5000 { report.append(line: line, column: 3, reason: "no", row: Array("a row".utf8)) }
        #expect(!report.finish())
        #expect(told.lines.count == 22 && told.lines[0].hasPrefix("bets.csv.invalid.csv cannot be written"))
        #expect(told.lines[1] == "line 1, column 3: no" && told.lines[21] == "and 4980 more")
        #expect(disk.bytes("bets.csv.invalid.csv") == nil)
    }
}
