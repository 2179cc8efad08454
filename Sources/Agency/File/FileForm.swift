import Domain

/// A common but unsupported form of files of bets, named so that the error can say what to do.
enum FileForm: Equatable, CustomStringConvertible {
    /// Compressed; `tool` unpacks it.
    case compressed(String, tool: String)
    /// A zip archive; spreadsheets are zip archives too.
    case zip
    /// UTF-16; `encoding` is its name in iconv.
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

    /// Fails if the first bytes may be lines in the expected form.
    init?(start: [UInt8]) {
        if let known = Self.signatures.first(where: { start.starts(with: $0.bytes) }) {
            self = known.form
            return
        }
        // In UTF-16, every other byte of text without accents is NUL.
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

    /// Fails if the fault concerns only this line.
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

    /// Whether birthdate and number have no digit.
    private static func isHeader(_ fields: [ArraySlice<UInt8>]) -> Bool {
        fields.count == CSVScanner.fieldCount && !fields[3...].joined().contains(where: isDigit)
    }

    /// The date form with the line's separator, for example `dd/mm/yyyy`; nil if its birthdate has no such form.
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

    /// Follows the file's name in an error.
    var description: String {
        switch self {
        case .compressed(let name, let tool):
            "is compressed with \(name): unpack it first (\(tool))"
        case .zip:
            "is a zip archive or a spreadsheet: unpack it, or save it as CSV with commas, in UTF-8"
        case .utf16(let encoding):
            "is UTF-16 text; UTF-8 is expected: convert it (iconv -f \(encoding) -t UTF-8)"
        case .carriageReturns:
            "has lines that end with a carriage return alone; LF or CR LF is expected: convert it (tr '\\r' '\\n')"
        case .separator(let name):
            "has \(name) between its fields; commas are expected: save it with commas"
        case .singleByteEncoding:
            "has names that are not UTF-8; they look like Windows-1252 or Latin-1: convert it "
                + "(iconv -f WINDOWS-1252 -t UTF-8)"
        case .dates(let form):
            "has birthdates of the form \(form); yyyy-mm-dd is expected: convert them"
        case .dottedDocuments:
            "has documents with dots, dashes or spaces; only letters and digits are expected: remove the others"
        case .header:
            "has a header line with column names: remove line 1"
        }
    }
}
