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
            try NoLedger.check(folder, PosixDisk())
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
