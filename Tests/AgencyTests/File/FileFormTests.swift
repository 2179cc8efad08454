import Foundation
import Shell
import TestKit
import Testing

@testable import Agency

/// Tests that one line names the form of an unsupported file and says what to do.
struct FileFormTests {
    private let rows = [
        "José,Núñez,30904465,1999-03-17,7574", "Ana,Paz,30111222,1980-01-01,12", "Eva,Gil,30111223,1980-01-01,13",
    ]

    /// The whole error message for a file, or `valid`.
    private func message(_ bytes: [UInt8]) throws -> String {
        let disk = SimulatedDisk()
        disk.put("bets.csv", bytes)
        let report = RowReport.invalid(of: "bets.csv", on: disk) { _ in }
        do {
            let check = try BetFileCheck(
                BetFileReader(try BetFile("bets.csv", on: disk), today: Samples.today), invalid: report)
            guard check.invalidLines > 0 else { return "valid" }
            return
                "\(InvalidLines(path: "bets.csv", bets: check.bets, count: check.invalidLines, first: check.firstInvalid))"
        } catch let error as WrongForm {
            #expect(error.exit == .data && !report.exists && disk.bytes("bets.csv.invalid.csv.new") == nil)
            return "\(error)"
        }
    }

    private func expect(_ text: String, _ file: [UInt8], _ location: SourceLocation = #_sourceLocation) throws {
        let message = try message(file)
        #expect(message.contains(text) && message.contains("nothing was sent"), "\(message)", sourceLocation: location)
        #expect(!message.contains("\n"), sourceLocation: location)
    }

    private func lines(_ change: (String) -> String = { $0 }) -> [UInt8] {
        Array(rows.map { change($0) + "\n" }.joined().utf8)
    }

    @Test("a file in the expected form is valid")
    func expected() throws {
        #expect(try message(lines()) == "valid")
        #expect(try message([0xEF, 0xBB, 0xBF] + lines()) == "valid")
        #expect(try message(Array(rows.joined(separator: "\r\n").utf8)) == "valid")
        #expect(try message([]) == "valid")
    }

    @Test("separators other than commas are named")
    func separators() throws {
        try expect("semicolons between its fields", lines { $0.replacingOccurrences(of: ",", with: ";") })
        try expect("tabs between its fields", lines { $0.replacingOccurrences(of: ",", with: "\t") })
    }

    @Test("UTF-16 is named, with and without a byte order mark")
    func utf16() throws {
        let text = String(decoding: lines(), as: UTF8.self)
        for encoding in [String.Encoding.utf16, .utf16LittleEndian, .utf16BigEndian] {
            try expect("UTF-16", Array(text.data(using: encoding) ?? Data()))
        }
        try expect("iconv -f UTF-16LE", Array(text.data(using: .utf16LittleEndian) ?? Data()))
    }

    @Test("line ends of a carriage return alone are named, even in a file of one line")
    func carriageReturns() throws {
        try expect("carriage return", Array((rows.joined(separator: "\r") + "\r").utf8))
        try expect("carriage return", Array((rows[0] + "\r").utf8))
        let long = Array(repeating: rows[1], count: 1000).joined(separator: "\r")
        try expect("carriage return", Array(long.utf8))
    }

    @Test("compressed files are named, with the tool that unpacks them")
    func compressed() throws {
        try expect("gunzip", [0x1F, 0x8B, 8, 0, 0, 0])
        try expect("a spreadsheet", Array("PK\u{3}\u{4}zip".utf8))
        try expect("unxz", [0xFD, 0x37, 0x7A, 0x58, 0x5A, 0])
    }

    @Test("names in Windows-1252 or Latin-1 are recognised")
    func singleByteEncodings() throws {
        let text = String(decoding: lines(), as: UTF8.self)
        for encoding in [String.Encoding.windowsCP1252, .isoLatin1] {
            try expect("iconv -f WINDOWS-1252", Array(text.data(using: encoding) ?? Data()))
        }
    }

    @Test("common other forms of dates, documents and headers are named")
    func fields() throws {
        try expect("dd/mm/yyyy", lines { $0.replacingOccurrences(of: "1980-01-01", with: "1/1/1980") })
        try expect("dd-mm-yyyy", lines { $0.replacingOccurrences(of: "1999-03-17", with: "17-03-1999") })
        try expect("yyyy/mm/dd", lines { $0.replacingOccurrences(of: "1999-03-17", with: "1999/03/17") })
        try expect("documents with dots", lines { $0.replacingOccurrences(of: "30904465", with: "30.904.465") })
        try expect("remove line 1", Array("nombre,apellido,documento,nacimiento,numero\n".utf8) + lines())
    }

    @Test("a large file in another form is not read to its end")
    func large() throws {
        let rows = [String](repeating: "Ana;Paz;30111222;1980-01-01;12\n", count: 100_000)
        let disk = SimulatedDisk()
        disk.put("bets.csv", Array(rows.joined().utf8))
        let report = RowReport.invalid(of: "bets.csv", on: disk) { _ in }
        #expect(throws: WrongForm(path: "bets.csv", form: .separator("semicolons"))) {
            _ = try BetFileCheck(
                BetFileReader(try BetFile("bets.csv", on: disk), today: Samples.today), invalid: report)
        }
        #expect(report.count == 100 && !report.exists)
    }

    @Test("a single invalid line shows no form, and is reported with line, column and reason")
    func singleFaults() throws {
        let message = try message(lines() + Array("Ana,Paz,1,1999-02-30,1\n".utf8))
        #expect(
            message
                == "bets.csv: 1 of 4 lines is invalid, and nothing was sent. Line 4, column 11: the birthdate 1999-02-30 is "
                + "not in the calendar. Correct the file and run the same command again, or send the valid lines with "
                + "--skip-invalid")
    }
}
