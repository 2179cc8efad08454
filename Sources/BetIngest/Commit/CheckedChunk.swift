import Connections
import Domain
import Ledger
import WireProtocol

/// A checked chunk: the record that it becomes if its sequence is accepted.
///
/// Made on a worker's thread outside any lock, because checksums and fingerprints take time.
struct CheckedChunk: Sendable {
    let chunk: Chunk
    /// The digest of the chunk's bets; empty if its columns are malformed.
    let bets: BetsDigest
    /// Nil for a valid chunk.
    let rejection: RejectionRecord?
    /// The bytes with the record's payload from `payloadIndex` on, and the payload's checksum.
    let recordBytes: [UInt8]
    let payloadIndex: Int
    let payloadChecksum: UInt32
    /// The memory of its frame.
    let reservation: Reservation?

    /// Checks every bet of a native chunk.
    ///
    /// - Parameter today: birthdates after it are in the future.
    init(_ chunk: Chunk, today: Birthdate, _ reservation: Reservation? = nil) {
        do throws(ChunkFault) {
            if chunk.count == 0, !chunk.isLast { throw .noBets }
            try BetColumns(chunk.bets, count: chunk.count).check(today: today)
            self.init(chunk, fault: nil, reservation)
        } catch {
            self.init(chunk, fault: error, reservation)
        }
    }

    /// Makes a checked chunk; `fault` is nil if its columns and bets are valid.
    init(_ chunk: Chunk, fault: ChunkFault?, _ reservation: Reservation? = nil) {
        self.reservation = reservation
        self.chunk = chunk
        let isMalformed = fault?.rejection.code == .malformedChunk
        let digest = isMalformed ? nil : BetsDigest(BetColumns(chunk.bets, count: chunk.count))
        bets = digest ?? BetsDigest()
        let rejection = fault.map { RejectionRecord(of: chunk, fault: $0, digest: digest) }
        self.rejection = rejection
        let bytes = rejection?.bytes ?? chunk.frame
        recordBytes = bytes
        payloadIndex = rejection == nil ? Chunk.betsIndex : 0
        payloadChecksum = rejection == nil ? bets.chunkChecksum : CRC32C.checksum(bytes.span.bytes)
    }

    /// Of the record that it becomes.
    var recordKind: RecordHeader.Kind { rejection != nil ? .rejection : chunk.isLast ? .lastChunk : .chunk }

    /// The bet of a valid chunk of one, for the log.
    var singleBet: Bet? {
        guard chunk.count == 1, rejection == nil else { return nil }
        return BetColumns(recordBytes.span.extracting(payloadIndex...), count: 1).bets[0]
    }

    var betCount: Int { rejection?.betCount(claimed: chunk.count) ?? chunk.count }
}
