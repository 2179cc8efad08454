import Domain
import Storage
import WireProtocol

/// Reads a file of bets line by line, with at most one block in memory.
///
/// A line is first name, last name, document, birthdate (yyyy-mm-dd), number. A byte order mark and empty lines are
/// skipped.
///
/// Isolation: one thread; reading blocks.
struct BetFileReader {
    struct Position: Equatable, Sendable {
        var byteOffset = 0
        /// Lines before it, including empty and invalid ones: the next line is number `lines + 1`, as in an editor.
        var lines = 0
        /// Valid bets before it.
        var bets = 0
    }

    /// A valid bet, whose text the reader keeps until the next line is read.
    struct ParsedBet {
        let birthdate: Birthdate
        let number: UInt16
        /// Size of the bet in a chunk.
        let chunkBytes: Int
    }

    enum Row {
        case bet(ParsedBet)
        case fault(LineFault)
    }

    let file: BetFile
    /// The start of the next line.
    private(set) var position = Position()
    /// The start of the last returned line.
    private var lineOffset = 0
    private let today: Birthdate
    /// Called before each block is read.
    private let stopSignal: () -> String?
    private var block: [UInt8] = []
    private var index = 0
    private var fields = CSVScanner.Fields(repeating: 0..<0)
    private var isEnd = false

    /// Creates a reader at the file's first line.
    ///
    /// - Parameter today: later birthdates are invalid.
    init(_ file: BetFile, today: Birthdate, stopSignal: @escaping () -> String? = { nil }) {
        self.file = file
        self.today = today
        self.stopSignal = stopSignal
    }

    mutating func seek(to position: Position) {
        self.position = position
        block = []
        index = 0
        isEnd = false
    }

    /// Skips empty lines; nil at the end of the file.
    ///
    /// - Throws: ``DiskError``; ``Stopped``.
    mutating func nextRow() throws -> Row? {
        while true {
            if position.byteOffset == 0 { try skipByteOrderMark() }
            if index == block.count, isEnd { return nil }
            switch CSVScanner.scan(&block, from: index, isEnd: isEnd, fields: &fields) {
            case .needsBytes:
                try fill()
            case .blank(let end):
                if end == index { return nil }
                advance(to: end)
            case .tooLong:
                lineOffset = position.byteOffset
                try skipLine()
                return .fault(LineFault(.lineTooLong, column: 1))
            case .fault(let fault, let end):
                advance(to: end)
                return .fault(fault)
            case .row(let end, let isASCII):
                let row = parseFields(areASCII: isASCII)
                if case .bet = row { position.bets += 1 }
                advance(to: end)
                return row
            }
        }
    }

    /// Appends the bet that ``nextRow()`` returned.
    func append(_ bet: ParsedBet, to builder: inout BetColumnsBuilder) {
        builder.append(
            firstName: block.span.extracting(fields[0]), lastName: block.span.extracting(fields[1]),
            document: block.span.extracting(fields[2]), birthdate: bet.birthdate, number: bet.number)
    }

    /// Reads the line that ``nextRow()`` returned, without its end, at most ``CSVScanner/maxLineBytes``.
    ///
    /// Reads from the file, because quotes were removed in the block.
    func lineBytes() throws(DiskError) -> [UInt8] {
        let byteCount = min(position.byteOffset - lineOffset, CSVScanner.maxLineBytes)
        var bytes = try file.read(at: lineOffset, byteCount: byteCount)
        if bytes.last == UInt8(ascii: "\n") { bytes.removeLast() }
        if bytes.last == UInt8(ascii: "\r") { bytes.removeLast() }
        return bytes
    }

    private func parseFields(areASCII: Bool) -> Row {
        var field = 0
        do throws(BetFault) {
            try BetRules.check(name: block.span.extracting(fields[0]), .first, isASCII: areASCII)
            field = 1
            try BetRules.check(name: block.span.extracting(fields[1]), .last, isASCII: areASCII)
            field = 2
            try BetRules.check(document: block.span.extracting(fields[2]))
            field = 3
            let birthdate = try BetRules.birthdate(block.span.extracting(fields[3]))
            try BetRules.check(birthdate: birthdate, today: today)
            field = 4
            let number = try BetRules.number(block.span.extracting(fields[4]))
            let textBytes = fields[0].count + fields[1].count + fields[2].count
            return .bet(
                ParsedBet(
                    birthdate: birthdate, number: number, chunkBytes: Limits.fixedBetBytes + textBytes))
        } catch {
            return .fault(LineFault(.bet(error), column: fields[field].lowerBound - index + 1))
        }
    }

    private mutating func advance(to end: Int) {
        lineOffset = position.byteOffset
        position.byteOffset += end - index
        position.lines += 1
        index = end
    }

    private mutating func fill() throws {
        if let signal = stopSignal() { throw Stopped(signal: signal) }
        block.removeSubrange(..<index)
        index = 0
        let bytes = try file.read(
            at: position.byteOffset + block.count, byteCount: 256 << 10)
        isEnd = bytes.isEmpty
        block.append(contentsOf: bytes)
    }

    /// Skips a line that is too long.
    private mutating func skipLine() throws {
        position.lines += 1
        while true {
            if let end = block[index...].firstIndex(of: UInt8(ascii: "\n")) {
                position.byteOffset += end + 1 - index
                index = end + 1
                return
            }
            position.byteOffset += block.count - index
            index = block.count
            if isEnd { return }
            try fill()
        }
    }

    private mutating func skipByteOrderMark() throws {
        if block.isEmpty, !isEnd { try fill() }
        guard index == 0, block.starts(with: [0xEF, 0xBB, 0xBF]) else { return }
        index = 3
        position.byteOffset = 3
    }
}
