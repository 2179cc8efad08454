import Shell
import WireProtocol

/// The result of reading the whole file, before anything is sent.
struct BetFileCheck {
    struct FirstInvalid: Equatable {
        var line: Int
        var fault: LineFault
        /// The form of the whole file, if the line shows one.
        var form: FileForm?
    }

    private(set) var bets = 0
    private(set) var invalidLines = 0
    /// The digest of all valid bets.
    private(set) var digest = BetsDigest()
    private(set) var firstInvalid: FirstInvalid?

    private static let maxDigestedBets = 4096
    /// The number of invalid lines, without a valid one, that shows the form of the file; the rest is not read.
    private static let conclusiveLines = 100

    /// Reads the whole file.
    ///
    /// Blocks, about a second for some millions of bets.
    ///
    /// - Parameters:
    ///   - reader: at the file's start.
    ///   - invalid: receives every invalid line.
    ///   - progress: called occasionally with the bytes and the bets that were read.
    /// - Throws: ``WrongForm``; ``BetFileChange`` if the file changes meanwhile; ``DiskError``; ``Stopped``.
    init(
        _ reader: BetFileReader, invalid: RowReport, progress: (_ bytes: Int, _ bets: Int) -> Void = { _, _ in }
    ) throws {
        var reader = reader
        let file = reader.file
        if let form = FileForm(start: try file.read(at: 0, byteCount: CSVScanner.maxLineBytes)) {
            throw WrongForm(path: file.path, form: form)
        }
        var builder = BetColumnsBuilder()
        while let row = try reader.nextRow() {
            switch row {
            case .bet(let bet):
                reader.append(bet, to: &builder)
                if builder.count == Self.maxDigestedBets {
                    digest.append(builder.takeDigest())
                    progress(reader.position.byteOffset, reader.position.bets)
                }
            case .fault(let fault):
                let (line, bytes) = (reader.position.lines, try reader.lineBytes())
                if firstInvalid == nil {
                    let form = FileForm(line: bytes, number: line, fault: fault)
                    firstInvalid = FirstInvalid(line: line, fault: fault, form: form)
                }
                invalidLines += 1
                invalid.append(line: line, column: fault.column, reason: "\(fault.fault)", row: bytes)
                if reader.position.bets == 0, invalidLines == Self.conclusiveLines { try throwForm(file.path) }
            }
        }
        digest.append(builder.takeDigest())
        bets = reader.position.bets
        try file.checkUnchanged(readBytes: reader.position.byteOffset)
        if bets == 0 { try throwForm(file.path) }
    }

    private func throwForm(_ path: String) throws {
        if let form = firstInvalid?.form { throw WrongForm(path: path, form: form) }
    }
}

extension BetColumnsBuilder {
    /// Returns the digest of the collected bets and empties the builder.
    mutating func takeDigest() -> BetsDigest {
        let chunk = takeChunk(sequence: 0, isLast: false)
        return BetsDigest(BetColumns(chunk.bets, count: chunk.count))
    }
}

/// A file in another form than the expected one.
struct WrongForm: ProgramError, Equatable, CustomStringConvertible {
    var path: String
    var form: FileForm

    var exit: ProgramExit { .data }

    var description: String { "\(path) \(form); nothing was sent" }
}
