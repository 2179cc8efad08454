import ArgumentParser
import Shared

struct ExportCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "export",
        abstract: "Write all bets as CSV.",
        discussion: """
            One row a bet, in the order of the ledger: agency, first name, last name, document, birthdate, number. Rows \
            end with CR LF and fields are quoted where needed, as Python's csv module writes and \
            reads them. Takes no lock: it may run beside the service.
            """)

    @OptionGroup var options: ConfigurationOptions

    @Option(name: .shortAndLong, help: ArgumentHelp("The file to write (default: standard output).", valueName: "file"))
    var output: String?

    func run() throws {
        try ProgramExit.run {
            let folder = try options.load().folder
            var reader = try LedgerReader(folder.ledger, on: PosixDisk())
            let bar = ProgressBar(label: "export", unit: "bytes")
            let target = try OutputFile(output)
            var rows = BetRows()
            while let records = try reader.nextGroup() {
                for record in records
                where record.header.kind == .chunk || record.header.kind == .lastChunk {
                    reader.withPayload(of: record) { payload in
                        rows.append(
                            BetColumns(payload, count: record.header.count),
                            agency: record.header.agency)
                    }
                    if rows.bytes.count > 256 << 10 { try target.write(rows.take()) }
                }
                bar.update(reader.offset, of: reader.fileBytes)
            }
            try target.write(rows.take())
            try target.finish()
            bar.finish()
        }
    }
}

/// Bets as rows of CSV.
struct BetRows {
    private(set) var bytes: [UInt8] = []

    /// Appends a row for each bet of a chunk.
    ///
    /// Text is copied as bytes.
    mutating func append(_ columns: borrowing BetColumns, agency: AgencyID) {
        var cursor = BetTextCursor(columns)
        let prefix = Array("\(agency),".utf8)
        for bet in 0..<columns.count {
            let text = cursor.next(columns, bet: bet)
            bytes.append(contentsOf: prefix)
            append(field: columns.bytes.extracting(text.firstName))
            bytes.append(UInt8(ascii: ","))
            append(field: columns.bytes.extracting(text.lastName))
            bytes.append(UInt8(ascii: ","))
            append(field: columns.bytes.extracting(text.document))
            bytes.append(
                contentsOf: ",\(columns.birthdate(at: bet)),\(columns.number(at: bet))\r\n".utf8)
        }
    }

    mutating func take() -> [UInt8] {
        defer { bytes.removeAll(keepingCapacity: true) }
        return bytes
    }

    /// Quotes a field as RFC 4180 says, where it holds a comma, a quote or the end of a line.
    private mutating func append(field: Span<UInt8>) {
        var needsQuotes = false
        for index in field.indices {
            switch field[index] {
            case UInt8(ascii: ","), UInt8(ascii: "\""), UInt8(ascii: "\r"), UInt8(ascii: "\n"):
                needsQuotes = true
            default: break
            }
        }
        guard needsQuotes else {
            field.withUnsafeBufferPointer { bytes.append(contentsOf: $0) }
            return
        }
        bytes.append(UInt8(ascii: "\""))
        for index in field.indices {
            if field[index] == UInt8(ascii: "\"") { bytes.append(UInt8(ascii: "\"")) }
            bytes.append(field[index])
        }
        bytes.append(UInt8(ascii: "\""))
    }
}
