import Shared

/// Streams an agency's CSV: one row after the other, never more of the file in memory than a block.
///
/// A row is first name, last name, document, birthdate (yyyy-mm-dd), number. A byte order mark is skipped, and so are
/// lines without anything in them.
///
/// Isolation: one thread; reading blocks.
struct BetFileReader {
    /// A place between two rows.
    struct Position: Equatable, Sendable {
        var byteOffset = 0
        /// Rows before it, blank lines and faulty rows included: the next row is number `rows + 1`.
        var rows = 0
        /// Valid bets before it.
        var bets = 0
    }

    /// A valid bet.
    ///
    /// Its text lies in the reader until the next row is read.
    struct ParsedBet {
        let birthdate: Birthdate
        let number: UInt16
        /// Bytes that the bet takes in a chunk.
        let chunkBytes: Int
    }

    enum Row {
        case bet(ParsedBet)
        case fault(RowFault)
    }

    /// Where the next row begins.
    private(set) var position = Position()
    let fileBytes: Int
    private let file: any DiskFile
    private let today: Birthdate
    private var block: [UInt8] = []
    private var index = 0
    /// Of the last row, as ranges of the block.
    private var fields = CSVScanner.Fields(repeating: 0..<0)
    private var isEnd = false

    /// Opens a file.
    ///
    /// - Parameter today: birthdates after it are faults.
    init(_ path: String, today: Birthdate, on disk: any Disk) throws(DiskError) {
        file = try disk.open(path, .readOnly)
        fileBytes = try file.size()
        self.today = today
    }

    /// Goes back, or forward, to a place that was read before.
    mutating func seek(to position: Position) {
        self.position = position
        block = []
        index = 0
        isEnd = false
    }

    /// The next row; nil at the end of the file.
    mutating func nextRow() throws(DiskError) -> Row? {
        while true {
            if position.byteOffset == 0 { try skipByteOrderMark() }
            if index == block.count, isEnd { return nil }
            switch CSVScanner.scan(&block, from: index, isEnd: isEnd, fields: &fields) {
            case .needsBytes:
                try fill()
            case .blank(let end):
                if end == index { return nil }
                advance(to: end)
            case .fault(let fault, let end):
                let isInsideLine = end == block.count && block.last != UInt8(ascii: "\n")
                advance(to: end)
                // Now, so that a position never lies inside a line.
                if isInsideLine { try skipLine() }
                return .fault(fault)
            case .row(let end, let isASCII):
                let row = parseFields(areASCII: isASCII)
                if case .bet = row { position.bets += 1 }
                advance(to: end)
                return row
            }
        }
    }

    /// Appends the bet that ``nextRow()`` returned last to a chunk.
    func append(_ bet: ParsedBet, to builder: inout BetColumnsBuilder) {
        builder.append(
            firstName: block.span.extracting(fields[0]), lastName: block.span.extracting(fields[1]),
            document: block.span.extracting(fields[2]), birthdate: bet.birthdate, number: bet.number)
    }

    private func parseFields(areASCII: Bool) -> Row {
        do throws(BetFault) {
            try BetRules.check(name: block.span.extracting(fields[0]), .first, isASCII: areASCII)
            try BetRules.check(name: block.span.extracting(fields[1]), .last, isASCII: areASCII)
            try BetRules.check(document: block.span.extracting(fields[2]))
            let birthdate = try BetRules.birthdate(block.span.extracting(fields[3]))
            try BetRules.check(birthdate: birthdate, today: today)
            let number = try BetRules.number(block.span.extracting(fields[4]))
            let textBytes = fields[0].count + fields[1].count + fields[2].count
            return .bet(
                ParsedBet(
                    birthdate: birthdate, number: number, chunkBytes: Limits.fixedBetBytes + textBytes))
        } catch {
            return .fault(.bet(error))
        }
    }

    private mutating func advance(to end: Int) {
        position.byteOffset += end - index
        position.rows += 1
        index = end
    }

    /// Reads the next block behind what is left of the current one.
    private mutating func fill() throws(DiskError) {
        block.removeSubrange(..<index)
        index = 0
        let bytes = try file.read(
            at: position.byteOffset + block.count, byteCount: 256 << 10)
        isEnd = bytes.isEmpty
        block.append(contentsOf: bytes)
    }

    /// Goes behind the line that the row before was too long for.
    private mutating func skipLine() throws(DiskError) {
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

    private mutating func skipByteOrderMark() throws(DiskError) {
        if block.isEmpty, !isEnd { try fill() }
        guard index == 0, block.starts(with: [0xEF, 0xBB, 0xBF]) else { return }
        index = 3
        position.byteOffset = 3
    }
}
