import Shared

/// A file's bets as chunks, from any place of the stream on.
///
/// Isolation: one thread; reading blocks.
struct BetStream {
    /// A chunk, and where its bets stand in the file.
    struct Packed {
        var chunk: Chunk
        var start: BetFileReader.Position
    }

    private var reader: BetFileReader
    private var packer: ChunkPacker
    private let rejected: RejectedRows
    /// Asked now and then while the file is read.
    private let stopSignal: () -> String?
    /// Read, and too large for the chunk before: first of the next one.
    private var waiting: (bet: BetFileReader.ParsedBet, start: BetFileReader.Position)?
    private var isAtEnd = false

    init(
        reader: BetFileReader, packer: ChunkPacker, rejected: RejectedRows,
        stopSignal: @escaping () -> String? = { nil }
    ) {
        self.stopSignal = stopSignal
        self.reader = reader
        self.packer = packer
        self.rejected = rejected
    }

    var position: BetFileReader.Position { reader.position }
    /// Where the next chunk's first bet stands, or a faulty row before it.
    var nextStart: BetFileReader.Position { waiting?.start ?? reader.position }
    var fileBytes: Int { reader.fileBytes }

    /// Keeps chunks to what the service takes, the length field included.
    mutating func limitChunks(toBytes bytes: Int) {
        packer.limit(toBytes: bytes)
    }

    /// The next chunk; the last one, which may be empty, says so.
    ///
    mutating func nextChunk(sequence: UInt32) throws -> Packed {
        var start = waiting?.start ?? reader.position
        if let (bet, _) = waiting {
            waiting = nil
            packer.add(bet, of: reader)
        }
        while !isAtEnd {
            let rowStart = reader.position
            guard let row = try nextRow() else {
                isAtEnd = true
                break
            }
            switch row {
            case .fault(let fault):
                try rejected.append(row: reader.position.rows, reason: "\(fault)")
            case .bet(let bet):
                guard packer.hasRoom(forBytes: bet.chunkBytes) else {
                    waiting = (bet, rowStart)
                    return Packed(
                        chunk: packer.takeChunk(sequence: sequence, isLast: false), start: start)
                }
                if packer.count == 0 { start = rowStart }
                packer.add(bet, of: reader)
            }
        }
        return Packed(chunk: packer.takeChunk(sequence: sequence, isLast: true), start: start)
    }

    /// Goes to the place behind so many valid bets.
    ///
    /// - Parameter known: places that were read before; the file is read from the start where none of them fits.
    /// - Returns: false where the file has fewer bets.
    mutating func seek(
        toBets bets: Int, known: [BetFileReader.Position]
    ) throws -> Bool {
        _ = packer.takeChunk(sequence: 0, isLast: false)
        waiting = nil
        isAtEnd = false
        let nearest = known.filter { $0.bets <= bets }.max { $0.bets < $1.bets }
        reader.seek(to: nearest ?? BetFileReader.Position())
        while reader.position.bets < bets {
            guard let row = try nextRow() else { return false }
            if case .fault(let fault) = row {
                try rejected.append(row: reader.position.rows, reason: "\(fault)")
            }
        }
        return true
    }

    /// Reads to the end of the file, noting faulty rows.
    ///
    /// - Returns: the valid bets that were left.
    mutating func countRest() throws -> Int {
        var count = 0
        while let row = try nextRow() {
            switch row {
            case .bet: count += 1
            case .fault(let fault): try rejected.append(row: reader.position.rows, reason: "\(fault)")
            }
        }
        return count
    }

    /// Notes every row of a chunk that the service refused, with its reason.
    ///
    /// Reads them again.
    func reject(_ packed: Packed, reason: String) throws {
        var again = reader
        again.seek(to: packed.start)
        var left = packed.chunk.count
        while left > 0, let row = try again.nextRow() {
            guard case .bet = row else { continue }
            left -= 1
            try rejected.appendRefused(row: again.position.rows, reason: reason)
        }
    }

    private mutating func nextRow() throws -> BetFileReader.Row? {
        if reader.position.rows % 4096 == 0, let signal = stopSignal() { throw Stopped(signal: signal) }
        return try reader.nextRow()
    }
}
