import Domain

/// A form in which files of bets are often written and that is not read: named, so that one line says what to do.
///
/// Pure.
enum FileForm: Equatable, CustomStringConvertible {
    /// Compressed; `tool` unpacks it.
    case compressed(String, tool: String)
    /// A zip archive, which a spreadsheet is too.
    case zip
    /// `encoding` as iconv knows it.
    case utf16(encoding: String)
    case carriageReturns
    case separator(String)
    case singleByteEncoding
    case dates(String)
    case dottedDocuments
    case header

    private static let signatures: [(bytes: [UInt8], form: FileForm)] = [
        ([0x1F, 0x8B], .compressed("gzip", tool: "gunzip")),
        (Array("BZh91AY&SY".utf8), .compressed("bzip2", tool: "bunzip2")),
        ([0xFD, 0x37, 0x7A, 0x58, 0x5A], .compressed("xz", tool: "unxz")),
        ([0x28, 0xB5, 0x2F, 0xFD], .compressed("zstd", tool: "unzstd")), (Array("PK\u{3}\u{4}".utf8), .zip),
        ([0xFF, 0xFE], .utf16(encoding: "UTF-16")), ([0xFE, 0xFF], .utf16(encoding: "UTF-16")),
    ]

    /// The form of a whole file, from its first bytes; nil if they may be the lines that are expected.
    init?(start: [UInt8]) {
        if let known = Self.signatures.first(where: { start.starts(with: $0.bytes) }) {
            self = known.form
            return
        }
        // Text without accents has a NUL in every other byte of UTF-16.
        let pairs = min(start.count, 64) / 2
        let (first, second) = ((0..<pairs).count { start[2 * $0] == 0 }, (0..<pairs).count { start[2 * $0 + 1] == 0 })
        if pairs > 0, max(first, second) > pairs / 2 {
            self = .utf16(encoding: first > second ? "UTF-16BE" : "UTF-16LE")
        } else if start.contains(UInt8(ascii: "\r")), !start.contains(UInt8(ascii: "\n")),
            start.firstIndex(of: UInt8(ascii: "\r")) != CSVScanner.maxLineBytes - 1
        {
            self = .carriageReturns
        } else {
            return nil
        }
    }

    /// The form that an invalid line shows; nil if it is a fault of this line only.
    init?(line: [UInt8], number: Int, fault: LineFault) {
        let fields = line.split(separator: UInt8(ascii: ","), omittingEmptySubsequences: false)
        switch fault.fault {
        case .fieldCount, .textAfterQuote, .quoteNotClosed:
            let separators: [(UInt8, String)] = [
                (UInt8(ascii: ";"), "semicolons"), (UInt8(ascii: "\t"), "tabs"), (UInt8(ascii: "|"), "vertical bars"),
            ]
            let found = separators.first { separator in
                line.split(separator: separator.0, omittingEmptySubsequences: false).count == CSVScanner.fieldCount
            }
            guard let found else { return nil }
            self = .separator(found.1)
        case .bet(.nameNotUTF8):
            self = .singleByteEncoding
        case .bet where number == 1 && Self.isHeader(fields):
            self = .header
        case .bet(.birthdateFormat):
            guard let form = Self.dateForm(fields) else { return nil }
            self = .dates(form)
        case .bet(.documentCharacter):
            let document = fields.count == CSVScanner.fieldCount ? Array(fields[2]) : []
            guard document.contains(where: Self.isDigit),
                document.allSatisfy({ Self.isDigit($0) || [46, 45, 32, 34].contains($0) })
            else { return nil }
            self = .dottedDocuments
        default:
            return nil
        }
    }

    private static func isDigit(_ byte: UInt8) -> Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }

    /// Neither a digit in the birthdate nor in the number: names of columns.
    private static func isHeader(_ fields: [ArraySlice<UInt8>]) -> Bool {
        fields.count == CSVScanner.fieldCount && !fields[3...].joined().contains(where: isDigit)
    }

    /// `dd/mm/yyyy` with the separator that the line has; nil if its birthdate is not a date in such a form.
    private static func dateForm(_ fields: [ArraySlice<UInt8>]) -> String? {
        guard fields.count == CSVScanner.fieldCount else { return nil }
        let date = fields[3].filter { $0 != UInt8(ascii: "\"") }
        let separators = Set(date.filter { !isDigit($0) })
        guard let separator = separators.first, separators.count == 1 else { return nil }
        let parts = date.split(separator: separator).map(\.count)
        let mark = Character(UnicodeScalar(separator))
        switch parts {
        case [4, 2, 2], [4, 1, 2], [4, 2, 1], [4, 1, 1]: return "yyyy\(mark)mm\(mark)dd"
        case [2, 2, 4], [1, 2, 4], [2, 1, 4], [1, 1, 4]: return "dd\(mark)mm\(mark)yyyy"
        default: return nil
        }
    }

    /// What follows the file's name: its form, what is expected, what to do.
    var description: String {
        switch self {
        case .compressed(let name, let tool):
            "is compressed with \(name): unpack it first (\(tool))"
        case .zip:
            "is a zip archive or a spreadsheet: unpack it, or save it as CSV with commas, in UTF-8"
        case .utf16(let encoding):
            "is text in UTF-16, and UTF-8 is expected: convert it (iconv -f \(encoding) -t UTF-8)"
        case .carriageReturns:
            "has line ends of a carriage return alone, and LF or CR LF is expected: convert it (tr '\\r' '\\n')"
        case .separator(let name):
            "has \(name) between its fields, and commas are expected: save it with commas"
        case .singleByteEncoding:
            "has names that are not UTF-8; they look like Windows-1252 or Latin-1: convert it "
                + "(iconv -f WINDOWS-1252 -t UTF-8)"
        case .dates(let form):
            "has birthdates of the form \(form), and yyyy-mm-dd is expected: write them so"
        case .dottedDocuments:
            "has documents with dots, dashes or spaces, and letters and digits only are expected: write them without"
        case .header:
            "has a line with the names of its columns: remove line 1"
        }
    }
}
