import Domain
import WireProtocol

/// Collects bets into chunks within both limits: bets, and bytes of the whole frame.
struct ChunkPacker: Sendable {
    let maxBets: Int
    /// The limit of the whole frame, including the length field.
    private(set) var maxBytes: Int
    private var builder = BetColumnsBuilder()

    /// - Parameters:
    ///   - maxBets: `batch.maxAmount`, 1 … 65,535.
    ///   - maxBytes: `batch.maxBytes`, including the length field; at least `Limits.minFrameBytes`, so that any bet fits.
    init(maxBets: Int, maxBytes: Int) {
        precondition(maxBytes >= Limits.minFrameBytes, "\(maxBytes) bytes may not hold a bet")
        self.maxBets = maxBets
        self.maxBytes = maxBytes
    }

    var count: Int { builder.count }

    mutating func limit(toBytes bytes: Int) {
        precondition(bytes >= Limits.minFrameBytes, "\(bytes) bytes may not hold a bet")
        maxBytes = min(maxBytes, bytes)
    }

    func hasRoom(forBytes chunkBytes: Int) -> Bool {
        builder.count < maxBets && builder.frameBytes + chunkBytes <= maxBytes
    }

    /// Adds a bet that its reader has just returned; the chunk must have room.
    mutating func add(_ bet: BetFileReader.ParsedBet, of reader: borrowing BetFileReader) {
        reader.append(bet, to: &builder)
    }

    /// Starts the next chunk; the returned one may be empty.
    mutating func takeChunk(sequence: UInt32, isLast: Bool) -> Chunk {
        builder.takeChunk(sequence: sequence, isLast: isLast)
    }
}
