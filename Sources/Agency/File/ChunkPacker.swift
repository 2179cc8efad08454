import Domain
import WireProtocol

/// Collects bets into chunks that keep both limits: amount of bets, and bytes of the whole frame.
///
/// Pure.
struct ChunkPacker: Sendable {
    let maxBets: Int
    /// Of the whole frame, the length field included; lowered where the service takes less.
    private(set) var maxBytes: Int
    private var builder = BetColumnsBuilder()

    /// - Parameters:
    ///   - maxBets: `batch.maxAmount`, 1 … 65,535.
    ///   - maxBytes: `batch.maxBytes`, the length field included; at least `Limits.minFrameBytes`, so that any bet fits.
    init(maxBets: Int, maxBytes: Int) {
        precondition(maxBytes >= Limits.minFrameBytes, "\(maxBytes) bytes may not hold a bet")
        self.maxBets = maxBets
        self.maxBytes = maxBytes
    }

    var count: Int { builder.count }

    /// Keeps to what the service takes.
    mutating func limit(toBytes bytes: Int) {
        precondition(bytes >= Limits.minFrameBytes, "\(bytes) bytes may not hold a bet")
        maxBytes = min(maxBytes, bytes)
    }

    /// Whether a bet of `chunkBytes` fits into the current chunk.
    func hasRoom(forBytes chunkBytes: Int) -> Bool {
        builder.count < maxBets && builder.frameBytes + chunkBytes <= maxBytes
    }

    /// Adds a bet that has room.
    ///
    /// - Parameter reader: has just returned it.
    mutating func add(_ bet: BetFileReader.ParsedBet, of reader: borrowing BetFileReader) {
        reader.append(bet, to: &builder)
    }

    /// The current chunk, which may be empty.
    ///
    /// The packer starts the next one.
    mutating func takeChunk(sequence: UInt32, isLast: Bool) -> Chunk {
        builder.takeChunk(sequence: sequence, isLast: isLast)
    }
}
