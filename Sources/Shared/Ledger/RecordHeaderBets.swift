package import WireProtocol

/// The fault of a record's payload.
package struct PayloadFault: Error, Equatable, Sendable, CustomStringConvertible {
    package var description: String
}

extension RecordHeader {
    /// Reads the bets of a chunk or a rejection.
    ///
    /// - Parameter isDigested: whether the digest of a chunk's bets is computed; otherwise it is nil.
    /// - Returns: the number of bets, stored or rejected, and their digest; nil if it is not known.
    /// - Throws: ``PayloadFault``.
    package func bets(
        in payload: Span<UInt8>, isDigested: Bool
    ) throws(PayloadFault) -> (count: Int, digest: BetsDigest?) {
        if kind == .rejection {
            guard let rejection = RejectionRecord(payload.array, count: count) else {
                throw PayloadFault(description: "the payload of a rejection is not valid")
            }
            let rejected = rejection.betCount(claimed: count)
            return (rejected, rejected == 0 ? BetsDigest() : rejection.digest)
        }
        let columns = BetColumns(payload, count: count)
        do throws(ChunkFault) {
            try columns.checkLayout()
        } catch {
            throw PayloadFault(description: "\(error)")
        }
        return (count, isDigested ? BetsDigest(columns) : nil)
    }
}

extension Span<UInt8> {
    var array: [UInt8] { withUnsafeBufferPointer { Array($0) } }
}
