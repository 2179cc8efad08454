import Domain
import WireProtocol

/// Collects bets into chunks within both limits: number of bets, and bytes of the whole frame.
///
/// Pure.
struct ChunkPacker: Sendable {
    let maxBets: Int
    /// Limit of the whole frame, including the length field; lowered to the service's limit.
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

    /// Lowers the limit to the service's.
    mutating func limit(toBytes bytes: Int) {
        precondition(bytes >= Limits.minFrameBytes, "\(bytes) bytes may not hold a bet")
        maxBytes = min(maxBytes, bytes)
    }

    /// Whether a bet of `chunkBytes` fits into the current chunk.
    func hasRoom(forBytes chunkBytes: Int) -> Bool {
        builder.count < maxBets && builder.frameBytes + chunkBytes <= maxBytes
    }

    /// Adds a bet; the chunk must have room for it.
    ///
    /// - Parameter reader: the reader that has just returned it.
    mutating func add(_ bet: BetFileReader.ParsedBet, of reader: borrowing BetFileReader) {
        reader.append(bet, to: &builder)
    }

    /// Returns the current chunk, which may be empty, and starts the next one.
    mutating func takeChunk(sequence: UInt32, isLast: Bool) -> Chunk {
        builder.takeChunk(sequence: sequence, isLast: isLast)
    }
}
