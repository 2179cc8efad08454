import Domain
import FuzzKit
import Storage
import WireProtocol

/// The result of reading a line.
private enum Read: Equatable {
    case bet(Chunk)
    case fault(LineFault)
}

/// A line, and the reader's position after it.
private struct ReadRow: Equatable {
    var row: Read
    var end: BetFileReader.Position
}

/// Runs code that cannot fail, because the disk is in memory and no stop signal arrives.
private func reading<Value>(_ body: () throws -> Value) -> Value {
    do {
        return try body()
    } catch {
        violated("\(error)")
    }
}

private func reader(_ disk: MemoryDisk) -> BetFileReader {
    reading { BetFileReader(try BetFile("bets.csv", on: disk), today: today) }
}

/// Reads the lines from a reader's position.
private func rows(_ reader: inout BetFileReader) -> [ReadRow] {
    var rows: [ReadRow] = []
    let fileBytes = reader.file.stamp.size
    while let row = reading({ try reader.nextRow() }) {
        switch row {
        case .fault(let fault):
            rows.append(ReadRow(row: .fault(fault), end: reader.position))
        case .bet(let bet):
            var builder = BetColumnsBuilder()
            reader.append(bet, to: &builder)
            let chunk = builder.takeChunk(sequence: 1, isLast: false)
            require(checkColumns(chunk.bets, count: 1), "a line is read as a bet but is not a valid one")
            require(chunk.bets.count == bet.chunkBytes, "\(bet.chunkBytes) bytes reported, \(chunk.bets.count) used")
            rows.append(ReadRow(row: .bet(chunk), end: reader.position))
        }
        let end = reader.position
        require(end.byteOffset <= fileBytes, "the reader is at \(end.byteOffset) of \(fileBytes)")
        require(rows.count <= fileBytes, "more lines than bytes")
    }
    require(reader.position.byteOffset == fileBytes, "the reader ends at \(reader.position.byteOffset)")
    return rows
}

/// Returns number and bytes of a file's lines that are not empty, split at LF only.
private func plainLines(_ bytes: [UInt8]) -> [(number: Int, bytes: [UInt8])] {
    let text = bytes.starts(with: [0xEF, 0xBB, 0xBF]) ? bytes[3...] : bytes[...]
    return text.split(separator: 10, omittingEmptySubsequences: false).enumerated().compactMap { index, line in
        let line = line.last == 13 && index < text.count { $0 == 10 } ? line.dropLast() : line
        return line.isEmpty ? nil : (index + 1, Array(line))
    }
}

/// Splits a line by the full rules, byte by byte; nil if it does not have exactly five valid fields.
private func plainFields(_ line: [UInt8]) -> [[UInt8]]? {
    var fields: [[UInt8]] = [[]]
    var (isQuoted, isClosed, isStart) = (false, false, true)
    for byte in line {
        if isQuoted {
            if byte == 34 { (isQuoted, isClosed) = (false, true) } else { fields[fields.count - 1].append(byte) }
        } else if byte == 34, isClosed {
            (isQuoted, isClosed) = (true, false)
            fields[fields.count - 1].append(34)
        } else if byte == 44 {
            fields.append([])
            (isClosed, isStart) = (false, true)
            continue
        } else if byte == 34, isStart {
            isQuoted = true
        } else if isClosed {
            return nil
        } else {
            fields[fields.count - 1].append(byte)
        }
        isStart = false
    }
    return isQuoted || fields.count != 5 ? nil : fields
}

/// Checks that every line is one row, with an editor's line number and the fields of the plain rules.
private func checkLines(_ bytes: [UInt8], _ found: [ReadRow]) {
    let lines = plainLines(bytes)
    require(lines.map(\.number) == found.map(\.end.lines), "\(lines.count) lines, \(found.count) read")
    for (line, read) in zip(lines, found) where line.bytes.count < CSVScanner.maxLineBytes - 2 {
        let fields = plainFields(line.bytes)
        switch read.row {
        case .fault(let fault):
            guard case .bet = fault.fault else {
                require(fields == nil, "line \(line.number) has five fields but a fault of another kind")
                continue
            }
            require(fields != nil, "line \(line.number) has a faulty bet but not five fields")
        case .bet(let chunk):
            let bet = BetColumns(chunk.bets, count: 1).bets[0]
            let texts = [bet.firstName, bet.lastName, bet.document].map { Array($0.utf8) }
            require(fields.map { Array($0[..<3]) } == texts, "line \(line.number) is read as another bet")
        }
    }
}

/// Writes bets as CSV, with quotes around all names or only where needed.
private func csv(_ bets: [Bet], allQuoted: Bool) -> [UInt8] {
    var bytes: [UInt8] = []
    for bet in bets {
        for (index, name) in [bet.firstName, bet.lastName].enumerated() {
            if index > 0 { bytes.append(44) }
            let text = Array(name.utf8)
            // Commas, quotes, and a byte order mark, which would be skipped, need quotes.
            let isQuoted = allQuoted || text.contains { [34, 44].contains($0) } || text.starts(with: [0xEF])
            bytes += isQuoted ? [34] + text.flatMap { $0 == 34 ? [34, 34] : [$0] } + [34] : text
        }
        bytes += Array(",\(bet.document),\(bet.birthdate),\(bet.number)\r\n".utf8)
    }
    return bytes
}

/// Checks that bets written as a file are read back as the same bets, in chunks within their limits.
private func checkStream(_ bets: [Bet], allQuoted: Bool, maxBets: Int) {
    let reader = reader(MemoryDisk(csv(bets, allQuoted: allQuoted)))
    let invalid = RowReport.invalid(of: "bets.csv", on: MemoryDisk([])) { _ in }
    let check = reading { try BetFileCheck(reader, invalid: invalid) }
    require(check.bets == bets.count && check.invalidLines == 0, "\(check.bets) bets are checked")
    var stream = BetStream(
        reader: reader, check: check, packer: ChunkPacker(maxBets: maxBets, maxBytes: Limits.minFrameBytes))
    var read: [Bet] = []
    var sequence: UInt32 = 1
    while true {
        let packed = reading { try stream.nextChunk(sequence: sequence) }
        let chunk = packed.chunk
        require(checkColumns(chunk.bets, count: chunk.count), "a chunk has invalid bets")
        require(chunk.count <= maxBets, "\(chunk.count) bets in a chunk")
        require(chunk.frame.count + 4 <= Limits.minFrameBytes, "a chunk of \(chunk.frame.count) bytes")
        require(chunk.isLast || chunk.count > 0, "chunk \(sequence) is empty")
        require(packed.start.bets == read.count, "a chunk starts at bet \(packed.start.bets), not \(read.count)")
        read += BetColumns(chunk.bets, count: chunk.count).bets
        sequence += 1
        if chunk.isLast { break }
    }
    require(read == bets, "\(bets.count) bets were written, \(read.count) bets, or other ones, are read")
}

@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzCSV(_ data: UnsafePointer<UInt8>, _ count: Int) -> CInt {
    var input = FuzzInput(data, count)
    let seed = input.integer(UInt32.self)
    let choices = input.byte()
    var bytes = input.rest()
    // One input in eight gets a line that is too long; slices of a byte would make it too slow.
    let isLong = choices >> 5 == 7
    if isLong { bytes.insert(contentsOf: repeatElement(97, count: CSVScanner.maxLineBytes - 8), at: bytes.count / 2) }
    let slicer = Slicer(seed: isLong ? seed | 6 : seed)

    var whole = reader(MemoryDisk(bytes))
    var sliced = reader(MemoryDisk(bytes, slicer: slicer))
    let found = rows(&whole)
    let inSlices = rows(&sliced)
    require(inSlices == found, "\(inSlices.count) lines in slices, \(found.count) in the whole file")

    checkLines(bytes, found)

    // From any position between two lines, the rest is the same.
    if !found.isEmpty {
        let index = Int(choices >> 2) % found.count
        sliced.seek(to: found[index].end)
        let again = rows(&sliced)
        require(again == Array(found[(index + 1)...]), "after line \(index) there are \(again.count) lines")
    }

    var bets: [Bet] = []
    for case .bet(let chunk) in found.map(\.row) { bets += BetColumns(chunk.bets, count: 1).bets }
    require(bets.count == found.last?.end.bets ?? 0, "\(bets.count) bets, but the position has another number")
    checkStream(bets, allQuoted: choices & 1 == 1, maxBets: 1 + Int(choices >> 1 & 7))
    return 0
}
