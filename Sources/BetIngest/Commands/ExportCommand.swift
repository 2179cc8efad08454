import ArgumentParser
import Ledger
import Platform
import Shell
import Storage

struct ExportCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "export",
        abstract: "Write all bets as CSV.",
        discussion: """
            One row for each bet, in the order of the ledger: agency, first name, last name, document, birthdate, \
            number. Rows end with CR LF and fields are quoted where needed, as Python's csv module writes and \
            reads them. Takes no lock, so it may run while the service does. A file is complete when it appears, \
            and only its owner may read it. Of a draw that is open on a cluster, the bets in its stream are written.
            """)

    @OptionGroup var options: ConfigurationOptions

    @Option(
        name: .shortAndLong,
        help: ArgumentHelp("The file to write, or - (default: standard output).", valueName: "file"))
    var output: String?

    @Flag(help: "Replace an existing file, but never one of the draw's files.")
    var force = false

    @Flag(help: "Put an apostrophe before names that begin with = + - or @, which spreadsheets evaluate.")
    var spreadsheetSafe = false

    func run() throws {
        StopSignals.block()
        try ProgramExit.run {
            let configuration = try options.load()
            let folder = configuration.folder
            let stopSignal = Monitor<String?>(nil)
            StopSignals.watch { signal in stopSignal.withLock { $0 = signal } }
            let ledger = try OpenLedgerCopy(of: configuration, on: PosixDisk())
            var reader = try LedgerReader(ledger.path, on: PosixDisk())
            let bar = ProgressBar(label: "export", unit: "bytes")
            let target = try OutputFile(output, force: force, protecting: folder)
            var rows = BetRows(isSpreadsheetSafe: spreadsheetSafe)
            while let records = try reader.nextGroup() {
                // Leaving the scope here removes the unfinished file.
                if let signal = stopSignal.withLock({ $0 }) { throw ExportStopped(signal: signal) }
                for record in records where record.header.kind == .chunk || record.header.kind == .lastChunk {
                    try rows.append(record, of: reader, path: ledger.path)
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

/// An error: a stop signal arrived before the end.
struct ExportStopped: ProgramError, CustomStringConvertible {
    var signal: String
    var exit: ProgramExit { .tryLater }
    var description: String { "\(signal): the export was stopped before its end; no file was written" }
}
