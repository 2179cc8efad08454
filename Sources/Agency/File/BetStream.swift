import Storage
import WireProtocol

/// The bets of a checked file as chunks, from any position in the stream.
///
/// Isolation: one thread; reading blocks.
struct BetStream {
    /// A position between two bets of the file, and the digest of the bets before it.
    struct Checkpoint: Equatable {
        var position: BetFileReader.Position
        var digest: BetsDigest

        var bets: Int { position.bets }
    }

    struct Packed {
        var chunk: Chunk
        var start: Checkpoint
    }

    let check: BetFileCheck
    private var reader: BetFileReader
    private var packer: ChunkPacker
    private var digest = BetsDigest()
    /// The first bet of the next chunk: it did not fit the previous one.
    private var waiting: (bet: BetFileReader.ParsedBet, start: BetFileReader.Position)?
    private var isAtEnd = false

    init(reader: BetFileReader, check: BetFileCheck, packer: ChunkPacker) {
        self.reader = reader
        self.check = check
        self.packer = packer
    }

    var path: String { reader.file.path }
    var fileBytes: Int { reader.file.stamp.size }
    /// The position of the next chunk's first bet, or of invalid lines before it.
    var checkpoint: Checkpoint { Checkpoint(position: waiting?.start ?? reader.position, digest: digest) }

    mutating func limitChunks(toBytes bytes: Int) {
        packer.limit(toBytes: bytes)
    }

    /// Reads the next chunk; the last one, marked as such, may be empty.
    ///
    /// - Throws: ``BetFileChange`` instead of the last chunk, if the file has changed since the check; ``DiskError``;
    ///   ``Stopped``.
    mutating func nextChunk(sequence: UInt32) throws -> Packed {
        var start = checkpoint
        if let (bet, _) = waiting {
            waiting = nil
            packer.add(bet, of: reader)
        }
        while !isAtEnd {
            let rowStart = reader.position
            guard let row = try reader.nextRow() else {
                isAtEnd = true
                break
            }
            guard case .bet(let bet) = row else { continue }
            guard packer.hasRoom(forBytes: bet.chunkBytes) else {
                waiting = (bet, rowStart)
                return take(sequence, isLast: false, start)
            }
            if packer.count == 0 { start.position = rowStart }
            packer.add(bet, of: reader)
        }
        let last = take(sequence, isLast: true, start)
        try checkEnd()
        return last
    }

    /// Packs a chunk again: exactly the next `count` bets, regardless of the limits.
    ///
    /// - Throws: ``BetFileChange`` if the file has fewer bets; ``DiskError``; ``Stopped``.
    mutating func nextChunk(sequence: UInt32, count: Int, isLast: Bool) throws -> Packed {
        let start = checkpoint
        while packer.count < count {
            guard let row = try reader.nextRow() else { throw change("it has fewer bets than were sent") }
            if case .bet(let bet) = row { packer.add(bet, of: reader) }
        }
        return take(sequence, isLast: isLast, start)
    }

    mutating func seek(to checkpoint: Checkpoint) {
        rewind()
        reader.seek(to: checkpoint.position)
        digest = checkpoint.digest
    }

    /// Seeks to just after the first `bets` valid bets, reading from the file's start.
    ///
    /// - Parameter lastCount: the number of bets at the end that also get a digest of their own.
    /// - Returns: the digests of all bets and of the last `lastCount`; nil if the file has fewer bets.
    mutating func seek(toBets bets: Int, lastCount: Int) throws -> (all: BetsDigest, last: BetsDigest)? {
        rewind()
        guard let first = try digest(until: bets - min(lastCount, bets)), let last = try digest(until: bets) else {
            return nil
        }
        digest = first
        digest.append(last)
        return (digest, last)
    }

    /// Reports every line of a rejected chunk, read from the file again.
    ///
    /// - Parameter reason: returns the reason for the bet with this index in the chunk.
    func report(_ start: Checkpoint, count: Int, to report: RowReport, reason: (Int) -> String) throws {
        var again = reader
        again.seek(to: start.position)
        var bet = 0
        while bet < count, let row = try again.nextRow() {
            guard case .bet = row else { continue }
            report.append(
                line: again.position.lines, column: nil, reason: reason(bet), row: try again.lineBytes())
            bet += 1
        }
        report.flush()
    }

    /// Checks that the file is the opened one.
    func checkUnchanged() throws {
        try reader.file.checkUnchanged(readBytes: fileBytes)
    }

    private func checkEnd() throws {
        try reader.file.checkUnchanged(readBytes: reader.position.byteOffset)
        guard reader.position.bets == check.bets, digest == check.digest else {
            throw change("its bets differ from those that were checked")
        }
    }

    func change(_ what: String) -> BetFileChange { BetFileChange(path: path, what: what) }

    private mutating func take(_ sequence: UInt32, isLast: Bool, _ start: Checkpoint) -> Packed {
        let chunk = packer.takeChunk(sequence: sequence, isLast: isLast)
        digest.append(BetsDigest(BetColumns(chunk.bets, count: chunk.count)))
        return Packed(chunk: chunk, start: start)
    }

    private mutating func rewind() {
        _ = packer.takeChunk(sequence: 0, isLast: false)
        waiting = nil
        isAtEnd = false
        digest = BetsDigest()
        reader.seek(to: BetFileReader.Position())
    }

    /// Returns the digest of the bets read until then; nil at the end of the file.
    private mutating func digest(until bets: Int) throws -> BetsDigest? {
        var digest = BetsDigest()
        var builder = BetColumnsBuilder()
        while reader.position.bets < bets {
            guard let row = try reader.nextRow() else { return nil }
            guard case .bet(let bet) = row else { continue }
            reader.append(bet, to: &builder)
            if builder.count == 4096 { digest.append(builder.takeDigest()) }
        }
        digest.append(builder.takeDigest())
        return digest
    }
}
