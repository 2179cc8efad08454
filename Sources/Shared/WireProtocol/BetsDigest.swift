/// A checksum of a run of bets that does not depend on how they are cut into chunks.
///
/// Appending the digests of two runs gives the digest of both. A digest has one CRC-32C for each column, over all
/// chunks, so an agency can compare the recorded bets with its file, whatever the chunks were.
///
/// Source: docs/protocol.md, "Resume".
package struct BetsDigest: Equatable, Sendable {
    /// CRC-32C of the numbers, birthdates, three columns of lengths, first names, last names and documents.
    private var checksums = SIMD8<UInt32>()
    private var count: UInt32 = 0
    private var firstNamesBytes: UInt32 = 0
    private var lastNamesBytes: UInt32 = 0
    private var documentsBytes: UInt32 = 0

    /// The size of ``bytes``.
    package static let byteCount = 44

    /// The digest of no bets.
    package init() {}

    /// The digest of a chunk's bets.
    ///
    /// - Precondition: `checkLayout()` of the columns succeeds.
    package init(_ bets: borrowing BetColumns) {
        count = UInt32(bets.count)
        firstNamesBytes = UInt32(bets.sum(6 * bets.count..<7 * bets.count))
        lastNamesBytes = UInt32(bets.sum(7 * bets.count..<8 * bets.count))
        documentsBytes = UInt32(bets.bytes.count - bets.textIndex) - firstNamesBytes - lastNamesBytes
        let columns = bets.bytes.bytes
        var start = 0
        for column in 0..<8 {
            let end = start + byteCount(of: column)
            checksums[column] = CRC32C.checksum(columns.extracting(start..<end))
            start = end
        }
    }

    /// Appends the digest of the bets that follow: those of a chunk, or bets with less than 4 GiB of text in each column.
    package mutating func append(_ next: BetsDigest) {
        for column in 0..<8 {
            checksums[column] = CRC32C.combine(
                checksums[column], next.checksums[column], secondBytes: next.byteCount(of: column))
        }
        count &+= next.count
        firstNamesBytes &+= next.firstNamesBytes
        lastNamesBytes &+= next.lastNamesBytes
        documentsBytes &+= next.documentsBytes
    }

    private func byteCount(of column: Int) -> Int {
        switch column {
        case 0: 2 * Int(count)
        case 1: 4 * Int(count)
        case 2, 3, 4: Int(count)
        case 5: Int(firstNamesBytes)
        case 6: Int(lastNamesBytes)
        default: Int(documentsBytes)
        }
    }

    /// The checksum in WELCOME: CRC-32C of the eight checksums, big-endian, in the order of the columns.
    package var checksum: UInt32 {
        CRC32C.checksum(Array(bytes[..<32]).span.bytes)
    }

    /// CRC-32C of the concatenated columns; for one chunk, that of its bets' bytes.
    package var chunkChecksum: UInt32 {
        var checksum = checksums[0]
        for column in 1..<8 {
            checksum = CRC32C.combine(checksum, checksums[column], secondBytes: byteCount(of: column))
        }
        return checksum
    }

    /// The eight checksums and the sizes of the three columns of text, as a rejection record stores them.
    package var bytes: [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(Self.byteCount)
        for column in 0..<8 { bytes.append(bigEndian: checksums[column]) }
        for byteCount in [firstNamesBytes, lastNamesBytes, documentsBytes] { bytes.append(bigEndian: byteCount) }
        return bytes
    }

    /// Reads the ``bytes`` of a digest of a chunk of `count` bets.
    package init(_ reader: inout ByteReader, count: Int) throws(MessageFault) {
        for column in 0..<8 { checksums[column] = try reader.readInteger() }
        self.count = UInt32(count)
        firstNamesBytes = try reader.readInteger()
        lastNamesBytes = try reader.readInteger()
        documentsBytes = try reader.readInteger()
    }
}
