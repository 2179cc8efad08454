package import WireProtocol

/// The payload of a rejection record: the rejected chunk, and the answer to every repetition of it.
package struct RejectionRecord: Equatable, Sendable {
    /// SHA-256 of the rejected frame (type and body); a repetition with the same bytes is the same chunk.
    package var fingerprint: [UInt8]
    package var code: RejectionCode
    package var betIndex: UInt16
    package var message: String
    /// The digest of the rejected bets; nil in records of version 1 and for a chunk with malformed columns.
    package var digest: BetsDigest?

    /// Hashes the whole frame, on a worker's thread outside any lock.
    package init(of chunk: Chunk, fault: ChunkFault, digest: BetsDigest?) {
        fingerprint = Self.fingerprint(of: chunk)
        (code, betIndex) = fault.rejection
        message = "\(fault)"
        self.digest = digest
    }

    /// The number of bets by which the chunk advances its agency's stream.
    ///
    /// 0 for malformed columns, whatever count the frame claimed: the agency sends these rows again.
    ///
    /// - Parameter claimedCount: the record header's.
    package func betCount(claimed claimedCount: Int) -> Int {
        code == .malformedChunk ? 0 : claimedCount
    }

    package static func fingerprint(of chunk: Chunk) -> [UInt8] {
        SHA256.hash(data: chunk.frame)
    }

    package var bytes: [UInt8] {
        var bytes = fingerprint
        bytes.append(code.rawValue)
        bytes.append(bigEndian: betIndex)
        bytes.append(string16: message)
        if let digest { bytes += digest.bytes }
        return bytes
    }

    /// Reads a payload; nil for bytes that are not a valid rejection.
    ///
    /// - Parameter count: the record header's.
    package init?(_ bytes: [UInt8], count: Int) {
        var reader = ByteReader(bytes)
        guard bytes.count > SHA256.byteCount else { return nil }
        fingerprint = Array(bytes[..<SHA256.byteCount])
        reader.skip(byteCount: SHA256.byteCount)
        do throws(MessageFault) {
            code = RejectionCode(rawValue: try reader.readInteger())
            betIndex = try reader.readInteger()
            message = try reader.readString16()
            if reader.remainingBytes > 0 { digest = try BetsDigest(&reader, count: count) }
            try reader.finish()
        } catch {
            return nil
        }
    }
}
