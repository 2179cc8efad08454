private import Crypto

/// The payload of a rejection record: what was refused, and the answer that every retry gets again.
package struct RejectionRecord: Equatable, Sendable {
    /// SHA-256 of the refused frame (type and body): a retry is the same chunk if it is the same bytes.
    package var fingerprint: [UInt8]
    package var code: RejectionCode
    package var betIndex: UInt16
    package var message: String

    package init(of chunk: Chunk, code: RejectionCode, betIndex: UInt16, message: String) {
        fingerprint = Self.fingerprint(of: chunk)
        self.code = code
        self.betIndex = betIndex
        self.message = message
    }

    package static func fingerprint(of chunk: Chunk) -> [UInt8] {
        Array(SHA256.hash(data: chunk.frame))
    }

    package var bytes: [UInt8] {
        var bytes = fingerprint
        bytes.append(code.rawValue)
        bytes.append(bigEndian: betIndex)
        bytes.append(string16: message)
        return bytes
    }

    /// Nil where the bytes are no rejection: the record was written by another version.
    package init?(_ bytes: [UInt8]) {
        var reader = ByteReader(bytes)
        guard bytes.count > SHA256.byteCount else { return nil }
        fingerprint = Array(bytes[..<SHA256.byteCount])
        reader.skip(byteCount: SHA256.byteCount)
        do throws(MessageFault) {
            guard let code = RejectionCode(rawValue: try reader.readInteger()) else { return nil }
            self.code = code
            betIndex = try reader.readInteger()
            message = try reader.readString16()
            try reader.finish()
        } catch {
            return nil
        }
    }
}
