import TestKit
import Testing

@testable import Agency

struct CSVScannerTests {
    private var fields = CSVScanner.Fields(repeating: 0..<0)

    /// The rows of a text: fields joined by `|`, faults by name.
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
                rows.append("\(fault)")
                index = end
            case .blank(let end):
                index = end
            case .needsBytes:
                return rows + ["needs bytes at the end"]
            }
        }
        return rows
    }

    private func scan(_ text: String) -> [String] { scan(Array(text.utf8)) }

    @Test("rows end with CR LF or LF, and the last one may lack its end")
    func lineEnds() {
        #expect(scan("a,b,c,d,e\r\nf,g,h,i,j\nk,l,m,n,o") == ["a|b|c|d|e", "f|g|h|i|j", "k|l|m|n|o"])
        #expect(scan("\r\n\na,b,c,d,e\r\n\r\n") == ["a|b|c|d|e"])
        #expect(scan("") == [])
    }

    @Test("a field in quotes holds separators, ends of lines and quotes")
    func quotes() {
        #expect(scan("\"a,a\",\"b\"\"b\",\"c\nc\",\"\",\"e\"\r\n") == ["a,a|b\"b|c\nc||e"])
        #expect(scan("a\"b,c\"\"d,e,f,g\n") == ["a\"b|c\"\"d|e|f|g"])
        #expect(scan("a,b,c,d,\"e\"") == ["a|b|c|d|e"])
        #expect(scan("\"\"\"\",b,c,d,\"e\"\"\"") == ["\"|b|c|d|e\""])
    }

    @Test("a row that is none is named, and the next one is read")
    func faults() {
        let next = "\na,b,c,d,e"
        #expect(scan("a,b,c" + next) == ["\(RowFault.fieldCount(3))", "a|b|c|d|e"])
        #expect(scan("a,b,c,d,e,f" + next) == ["\(RowFault.fieldCount(6))", "a|b|c|d|e"])
        #expect(scan("\"a\"b,c,d,e,f" + next) == ["\(RowFault.textBehindQuote)", "a|b|c|d|e"])
        #expect(scan("\"a,b,c,d,e" + next) == ["\(RowFault.quoteNotClosed)", "a|b|c|d|e"])
        let long = String(repeating: "x", count: 5000)
        #expect(scan(long + ",b,c,d,e" + next) == ["\(RowFault.rowTooLong)", "a|b|c|d|e"])
    }

    @Test("more bytes are asked for until the row is whole, and nothing is changed before")
    mutating func slices() {
        let row = Array("\"a\"\"a\",\"b,b\",c,d,\"e\"\r\n".utf8)
        for length in 0..<row.count {
            var bytes = Array(row[..<length])
            let before = bytes
            guard case .needsBytes = CSVScanner.scan(&bytes, from: 0, isEnd: false, fields: &fields) else {
                Issue.record("a row of \(length) bytes was taken for whole")
                return
            }
            #expect(bytes == before)
        }
        var whole = row
        guard case .row = CSVScanner.scan(&whole, from: 0, isEnd: false, fields: &fields) else {
            Issue.record("a whole row was not")
            return
        }
    }
}
