import Domain
import WireProtocol

/// The header of a commit group, 48 bytes: records that become durable together.
package struct GroupHeader: Equatable, Sendable {
    package enum Kind: UInt8, Sendable {
        case records = 1
        /// No records.
        ///
        /// A clean stop or a seal ends the file with one, so that the group before it is not mistaken for a torn write.
        case closing = 2
    }

    package static let magic: UInt32 = 0x5147_5250  // "QGRP"
    package static let byteCount = 48

    /// The kind as stored; a newer version may have kinds that ``kind`` does not know.
    package var kindCode: UInt8
    /// Header and records, without padding: 48 … `Limits.maxGroupBytes`.
    package var groupBytes: Int
    package var recordCount: Int
    /// From 1, without gaps.
    package var number: UInt64
    package var ledgerID: UInt64
    /// Server time, milliseconds since 1970.
    package var time: UInt64
    /// CRC-32C of the concatenated checksums of the records.
    package var recordsChecksum: UInt32

    package init(
        kind: Kind, groupBytes: Int, recordCount: Int, number: UInt64, ledgerID: UInt64,
        time: UInt64, recordsChecksum: UInt32
    ) {
        kindCode = kind.rawValue
        self.groupBytes = groupBytes
        self.recordCount = recordCount
        self.number = number
        self.ledgerID = ledgerID
        self.time = time
        self.recordsChecksum = recordsChecksum
    }

    package var bytes: [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(Self.byteCount)
        bytes.append(bigEndian: Self.magic)
        bytes.append(bigEndian: UInt32(kindCode) << 24)
        bytes.append(bigEndian: UInt32(groupBytes))
        bytes.append(bigEndian: UInt32(recordCount))
        bytes.append(bigEndian: number)
        bytes.append(bigEndian: ledgerID)
        bytes.append(bigEndian: time)
        bytes.append(bigEndian: recordsChecksum)
        bytes.append(bigEndian: CRC32C.checksum(bytes.span.bytes))
        return bytes
    }

    /// Nil for a kind that this version does not know.
    package var kind: Kind? { Kind(rawValue: kindCode) }

    /// Reads a header; nil unless it is valid and its checksum matches.
    package init?(_ bytes: RawSpan) {
        guard bytes.byteCount >= Self.byteCount, bytes.integer(at: 0) == Self.magic else { return nil }
        self.init(
            kind: .records, groupBytes: Int(bytes.integer(at: 8, as: UInt32.self)),
            recordCount: Int(bytes.integer(at: 12, as: UInt32.self)),
            number: bytes.integer(at: 16), ledgerID: bytes.integer(at: 24),
            time: bytes.integer(at: 32), recordsChecksum: bytes.integer(at: 40))
        kindCode = bytes.integer(at: 4)
        let isWhole = self.bytes.span.bytes.withUnsafeBytes { expected in
            bytes.withUnsafeBytes { found in expected.elementsEqual(found[..<Self.byteCount]) }
        }
        guard isWhole, groupBytes >= Self.byteCount, groupBytes <= Limits.maxGroupBytes else {
            return nil
        }
    }

    /// The distance to the next group, with padding.
    package var paddedBytes: Int {
        (groupBytes + Limits.blockBytes - 1) / Limits.blockBytes * Limits.blockBytes
    }
}
