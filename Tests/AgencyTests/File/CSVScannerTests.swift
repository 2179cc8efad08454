import TestKit
import Testing

@testable import Agency

struct CSVScannerTests {
    private var fields = CSVScanner.Fields(repeating: 0..<0)

    /// Scans a text into its lines: fields joined by `|`, faults with their column and description.
    private func scan(_ text: [UInt8]) -> [String] {
        var bytes = text
        var rows: [String] = []
        var index = 0
        while index < bytes.count {
            var fields = CSVScanner.Fields(repeating: 0..<0)
            switch CSVScanner.scan(&bytes, from: index, isEnd: true, fields: &fields) {
            case .row(let end, _):
                rows.append(
                    (0..<5).map { String(decoding: bytes[fields[$0]], as: UTF8.self) }.joined(separator: "|"))
                index = end
            case .fault(let fault, let end):
                rows.append("\(fault.column): \(fault.fault)")
                index = end
            case .blank(let end):
                index = end
            case .tooLong:
                return rows + ["too long"]
            case .needsBytes:
                return rows + ["needs bytes at the end"]
            }
        }
        return rows
    }

    private func scan(_ text: String) -> [String] { scan(Array(text.utf8)) }

    @Test("lines end with CR LF or LF, and the last one may lack its line end")
    func lineEnds() {
        #expect(scan("a,b,c,d,e\r\nf,g,h,i,j\nk,l,m,n,o") == ["a|b|c|d|e", "f|g|h|i|j", "k|l|m|n|o"])
        #expect(scan("\r\n\na,b,c,d,e\r\n\r\n") == ["a|b|c|d|e"])
        #expect(scan("") == [])
    }

    @Test("a field in quotes may contain separators and quotes")
    func quotes() {
        #expect(scan("\"a,a\",\"b\"\"b\",\"c\",\"\",\"e\"\r\n") == ["a,a|b\"b|c||e"])
        #expect(scan("a\"b,c\"\"d,e,f,g\n") == ["a\"b|c\"\"d|e|f|g"])
        #expect(scan("a,b,c,d,\"e\"") == ["a|b|c|d|e"])
        #expect(scan("\"\"\"\",b,c,d,\"e\"\"\"") == ["\"|b|c|d|e\""])
    }

    @Test("a line without exactly five fields is a fault with its column, and the next line is read")
    func faults() {
        let next = "\na,b,c,d,e"
        #expect(scan("a,b,c" + next) == ["1: \(RowFault.fieldCount(3))", "a|b|c|d|e"])
        #expect(scan("a,b,c,d,e,f" + next) == ["11: \(RowFault.fieldCount(6))", "a|b|c|d|e"])
        #expect(scan("x,\"a\"b,c,d,e,f" + next) == ["3: \(RowFault.textAfterQuote)", "a|b|c|d|e"])
        #expect(scan("\"a,b,c,d,e" + next) == ["1: \(RowFault.quoteNotClosed)", "a|b|c|d|e"])
        #expect(scan(String(repeating: "x", count: 5000) + next) == ["too long"])
        #expect(scan(String(repeating: "x", count: 4096) + next) == ["too long"])
        #expect(scan(String(repeating: "x", count: 4095) + next).count == 2)
    }

    @Test(
        "a stray quote invalidates only its own line, whatever follows it",
        arguments: [
            "a,b,c,d,e", "\"a\",\"b\",c,d,e", "\"a\"\"\",b,c,d,e", "a,b,c,d,\"e\"", "\"a,b\",c,d,e,f", "\"", "\"\"",
            "a\"", "",
            "\",\"",
        ])
    func strayQuote(_ following: String) {
        let stray = ["\"Ana,Paz,1,2,3", "Ana,\"Paz,1,2,3", "Ana,Paz,1,2,\"3", "\"", "\"Ana\" Luz,Paz,1,2,3"]
        for line in stray {
            let whole = scan("\(line)\n\(following)\nk,l,m,n,o\n")
            let alone = scan(line + "\n") + scan(following + "\n") + ["k|l|m|n|o"]
            #expect(whole == alone, "\(line)")
            #expect(scan(line + "\n").count == 1 && !scan(line + "\n")[0].contains("|"))
        }
    }

    @Test("more bytes are requested until the line is complete, and nothing is changed before")
    mutating func slices() {
        let row = Array("\"a\"\"a\",\"b,b\",c,d,\"e\"\r\n".utf8)
        for length in 0..<row.count {
            var bytes = Array(row[..<length])
            let before = bytes
            guard case .needsBytes = CSVScanner.scan(&bytes, from: 0, isEnd: false, fields: &fields) else {
                Issue.record("a line of \(length) bytes was taken for a complete one")
                return
            }
            #expect(bytes == before)
        }
        var whole = row
        guard case .row = CSVScanner.scan(&whole, from: 0, isEnd: false, fields: &fields) else {
            Issue.record("a complete line was not recognised")
            return
        }
    }
}
