import FuzzKit
import Shared

/// A row as it was read.
private enum Read: Equatable {
    case bet(Chunk)
    case fault(String)
}

/// A row, and where the reader stood behind it.
private struct ReadRow: Equatable {
    var row: Read
    var end: BetFileReader.Position
}

/// No disk of ours fails.
private func reading<Value>(_ body: () throws -> Value) -> Value {
    do {
        return try body()
    } catch {
        violated("\(error)")
    }
}

private func reader(_ disk: MemoryDisk) -> BetFileReader {
    reading { try BetFileReader("bets.csv", today: today, on: disk) }
}

/// The rows from where a reader stands.
private func rows(_ reader: inout BetFileReader) -> [ReadRow] {
    var rows: [ReadRow] = []
    while let row = reading({ try reader.nextRow() }) {
        switch row {
        case .fault(let fault):
            rows.append(ReadRow(row: .fault("\(fault)"), end: reader.position))
        case .bet(let bet):
            var builder = BetColumnsBuilder()
            reader.append(bet, to: &builder)
            let chunk = builder.takeChunk(sequence: 1, isLast: false)
            require(checkColumns(chunk.bets, count: 1), "a row is a bet that is none")
            require(chunk.bets.count == bet.chunkBytes, "\(bet.chunkBytes) bytes are said, \(chunk.bets.count) taken")
            rows.append(ReadRow(row: .bet(chunk), end: reader.position))
        }
        let end = reader.position
        require(end.byteOffset <= reader.fileBytes, "the reader stands at \(end.byteOffset) of \(reader.fileBytes)")
        require(rows.count <= reader.fileBytes, "more rows than bytes")
    }
    require(reader.position.byteOffset == reader.fileBytes, "the reader ends at \(reader.position.byteOffset)")
    return rows
}

/// Bets as CSV, with quotes around every field or where one is needed.
private func csv(_ bets: [Bet], allQuoted: Bool) -> [UInt8] {
    var bytes: [UInt8] = []
    for bet in bets {
        for (index, name) in [bet.firstName, bet.lastName].enumerated() {
            if index > 0 { bytes.append(44) }
            let text = Array(name.utf8)
            // A byte order mark would be skipped, and a row is cut at these.
            let isQuoted = allQuoted || text.contains { [10, 13, 34, 44].contains($0) } || text.starts(with: [0xEF])
            bytes += isQuoted ? [34] + text.flatMap { $0 == 34 ? [34, 34] : [$0] } + [34] : text
        }
        bytes += Array(",\(bet.document),\(bet.birthdate),\(bet.number)\r\n".utf8)
    }
    return bytes
}

/// Bets written as a file come back as the same chunks' bets, within the limits of a chunk.
private func checkStream(_ bets: [Bet], allQuoted: Bool, maxBets: Int) {
    let disk = MemoryDisk(csv(bets, allQuoted: allQuoted))
    var stream = BetStream(
        reader: reader(disk), packer: ChunkPacker(maxBets: maxBets, maxBytes: Limits.minFrameBytes),
        rejected: RejectedRows(path: "/dev/null/bets.csv"))
    var read: [Bet] = []
    var sequence: UInt32 = 1
    while true {
        let packed = reading { try stream.nextChunk(sequence: sequence) }
        let chunk = packed.chunk
        require(checkColumns(chunk.bets, count: chunk.count), "a chunk has bets that are none")
        require(chunk.count <= maxBets, "\(chunk.count) bets in a chunk")
        require(chunk.frame.count + 4 <= Limits.minFrameBytes, "a chunk of \(chunk.frame.count) bytes")
        require(chunk.isLast || chunk.count > 0, "chunk \(sequence) is empty")
        require(packed.start.bets == read.count, "a chunk starts at bet \(packed.start.bets), not \(read.count)")
        read += BetColumns(chunk.bets, count: chunk.count).bets
        sequence += 1
        if chunk.isLast { break }
    }
    require(read == bets, "\(bets.count) bets were written, \(read.count) or others are read")
}

@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzCSV(_ data: UnsafePointer<UInt8>, _ count: Int) -> CInt {
    var input = FuzzInput(data, count)
    let seed = input.integer(UInt32.self)
    let choices = input.byte()
    var bytes = input.rest()
    // One in eight has a row that is too long; in slices of a byte it would be read too often.
    let isLong = choices >> 5 == 7
    if isLong { bytes.insert(contentsOf: repeatElement(97, count: CSVScanner.maxRowBytes - 8), at: bytes.count / 2) }
    let slicer = Slicer(seed: isLong ? seed | 6 : seed)

    var whole = reader(MemoryDisk(bytes))
    var sliced = reader(MemoryDisk(bytes, slicer: slicer))
    let found = rows(&whole)
    let inSlices = rows(&sliced)
    require(inSlices == found, "in slices there are \(inSlices.count) rows, at once \(found.count)")

    // From any place between two rows on there are the same rows.
    if !found.isEmpty {
        let index = Int(choices >> 2) % found.count
        sliced.seek(to: found[index].end)
        let again = rows(&sliced)
        require(again == Array(found[(index + 1)...]), "behind row \(index) there are \(again.count) rows")
    }

    var bets: [Bet] = []
    for case .bet(let chunk) in found.map(\.row) { bets += BetColumns(chunk.bets, count: 1).bets }
    require(bets.count == found.last?.end.bets ?? 0, "\(bets.count) bets, and the position says others")
    checkStream(bets, allQuoted: choices & 1 == 1, maxBets: 1 + Int(choices >> 1 & 7))
    return 0
}
