// The ledger's bytes. Integers are big-endian. Source: docs/ledger.md, which has a worked dump of each.
//
//   block 0            LedgerHeader, zeros, CRC-32C of the block in its last 4 bytes
//   then, each at a multiple of 4096:
//   group              GroupHeader, records without gaps, zeros up to the block's end
//   until the end of the file: preallocated zeros, none after a clean stop or a seal

/// The first block of a ledger.
package struct LedgerHeader: Equatable, Sendable {
    package static let magic = Array("QUINIELA LEDGER\n".utf8)
    package static let version: UInt16 = 1

    package var draw: DrawID
    /// Random.
    ///
    /// Every group repeats it, so that no stale block of another ledger passes for one of this.
    package var ledgerID: UInt64
    /// Milliseconds since 1970.
    package var createdAt: UInt64

    package init(draw: DrawID, ledgerID: UInt64, createdAt: UInt64) {
        self.draw = draw
        self.ledgerID = ledgerID
        self.createdAt = createdAt
    }

    /// The header's whole block, 4096 bytes.
    package var block: [UInt8] {
        var bytes = Self.magic
        bytes.append(bigEndian: Self.version)
        bytes.append(bigEndian: ledgerID)
        bytes.append(bigEndian: createdAt)
        bytes.append(UInt8(draw.name.utf8.count))
        bytes.append(contentsOf: draw.name.utf8)
        bytes.append(
            contentsOf: repeatElement(0, count: Limits.blockBytes - 4 - bytes.count))
        bytes.append(bigEndian: CRC32C.checksum(bytes.span.bytes))
        return bytes
    }

    package init(block: [UInt8], path: String) throws(LedgerError) {
        guard block.count == Limits.blockBytes, block.starts(with: Self.magic) else {
            throw .badHeader(path: path, reason: "this is no Quiniela ledger")
        }
        let version = UInt16(block[16]) << 8 | UInt16(block[17])
        guard version == Self.version else {
            throw .badHeader(
                path: path,
                reason: "this ledger has version \(version), this program reads \(Self.version)")
        }
        let field = block.span.bytes
        let name = block[35..<35 + Int(block[34])]
        guard let draw = DrawID(String(decoding: name, as: UTF8.self)) else {
            throw .badHeader(path: path, reason: "the header's draw is not the name of a draw")
        }
        self.init(
            draw: draw, ledgerID: field.integer(at: 18), createdAt: field.integer(at: 26))
        guard self.block == block else {
            throw .badHeader(path: path, reason: "the header's checksum does not match its bytes")
        }
    }
}

/// The head of a commit group: what is written, and becomes durable, together.
///
/// 48 bytes.
package struct GroupHeader: Equatable, Sendable {
    package enum Kind: UInt8, Sendable {
        case records = 1
        /// No records.
        ///
        /// A clean stop or a seal ends the file with one, so that the group before it cannot be taken for a torn write.
        case closing = 2
    }

    package static let magic: UInt32 = 0x5147_5250  // "QGRP"
    package static let byteCount = 48

    package var kind: Kind
    /// Header and records, without padding: 48 … `Limits.maxGroupBytes`.
    package var groupBytes: Int
    package var recordCount: Int
    /// From 1, without gaps.
    package var number: UInt64
    package var ledgerID: UInt64
    /// Server time, milliseconds since 1970.
    package var time: UInt64
    /// CRC-32C of the records' checksums, one after the other.
    package var recordsChecksum: UInt32

    package init(
        kind: Kind, groupBytes: Int, recordCount: Int, number: UInt64, ledgerID: UInt64,
        time: UInt64, recordsChecksum: UInt32
    ) {
        self.kind = kind
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
        bytes.append(bigEndian: UInt32(kind.rawValue) << 24)
        bytes.append(bigEndian: UInt32(groupBytes))
        bytes.append(bigEndian: UInt32(recordCount))
        bytes.append(bigEndian: number)
        bytes.append(bigEndian: ledgerID)
        bytes.append(bigEndian: time)
        bytes.append(bigEndian: recordsChecksum)
        bytes.append(bigEndian: CRC32C.checksum(bytes.span.bytes))
        return bytes
    }

    /// Reads a header at the front of `bytes`; nil where there is none whose checksum holds.
    package init?(_ bytes: RawSpan) {
        guard bytes.byteCount >= Self.byteCount, bytes.integer(at: 0) == Self.magic,
            let kind = Kind(rawValue: bytes.integer(at: 4))
        else { return nil }
        self.init(
            kind: kind, groupBytes: Int(bytes.integer(at: 8, as: UInt32.self)),
            recordCount: Int(bytes.integer(at: 12, as: UInt32.self)),
            number: bytes.integer(at: 16), ledgerID: bytes.integer(at: 24),
            time: bytes.integer(at: 32), recordsChecksum: bytes.integer(at: 40))
        let isWhole = self.bytes.span.bytes.withUnsafeBytes { expected in
            bytes.withUnsafeBytes { found in expected.elementsEqual(found[..<Self.byteCount]) }
        }
        guard isWhole, groupBytes >= Self.byteCount, groupBytes <= Limits.maxGroupBytes else {
            return nil
        }
    }

    /// The group with its padding: where the next one begins, from this one's start.
    package var paddedBytes: Int {
        (groupBytes + Limits.blockBytes - 1) / Limits.blockBytes * Limits.blockBytes
    }
}

/// The head of a record.
///
/// 36 bytes; the payload follows.
package struct RecordHeader: Equatable, Sendable {
    package enum Kind: UInt8, Sendable {
        /// Payload: the bets by column, as they came.
        case chunk = 1
        /// The same, and the agency has finished.
        case lastChunk = 2
        /// Payload: ``RejectionRecord``.
        case rejection = 3
        /// Payload: ``SealRecord``.
        ///
        /// Nothing but the closing group follows.
        case seal = 4
    }

    package static let byteCount = 36

    package var kind: Kind
    /// Bets in the chunk, stored or rejected.
    package var count: Int
    package var agency: AgencyID
    package var sequence: UInt32
    /// Server time, milliseconds since 1970.
    package var time: UInt64
    /// Bets stored in the ledger before this record.
    package var firstBetIndex: UInt64
    package var payloadBytes: Int
    package var checksum: UInt32

    package init(
        kind: Kind, count: Int, agency: AgencyID, sequence: UInt32, time: UInt64,
        firstBetIndex: UInt64, payloadBytes: Int, payloadChecksum: UInt32
    ) {
        self.kind = kind
        self.count = count
        self.agency = agency
        self.sequence = sequence
        self.time = time
        self.firstBetIndex = firstBetIndex
        self.payloadBytes = payloadBytes
        checksum = 0
        checksum = CRC32C.checksum(
            bytes.span.bytes.extracting(8...), continuing: payloadChecksum)
    }

    /// Record length and checksum, then the fields that the checksum covers after the payload: so that a worker can
    /// check the payload before the committer knows time and position.
    package var bytes: [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(Self.byteCount)
        bytes.append(bigEndian: UInt32(Self.byteCount + payloadBytes))
        bytes.append(bigEndian: checksum)
        bytes.append(kind.rawValue)
        bytes.append(0)
        bytes.append(bigEndian: UInt16(count))
        bytes.append(bigEndian: agency.rawValue)
        bytes.append(bigEndian: sequence)
        bytes.append(bigEndian: time)
        bytes.append(bigEndian: firstBetIndex)
        return bytes
    }

    /// Reads a record at the front of `bytes`; nil where none is whole or its checksum does not hold.
    package init?(_ bytes: RawSpan) {
        guard bytes.byteCount >= Self.byteCount else { return nil }
        let recordBytes = Int(bytes.integer(at: 0, as: UInt32.self))
        guard recordBytes >= Self.byteCount, recordBytes <= bytes.byteCount,
            let kind = Kind(rawValue: bytes.integer(at: 8)),
            bytes.integer(at: 9, as: UInt8.self) == 0
        else { return nil }
        let payload = bytes.extracting(Self.byteCount..<recordBytes)
        self.init(
            kind: kind, count: Int(bytes.integer(at: 10, as: UInt16.self)),
            agency: AgencyID(bytes.integer(at: 12)), sequence: bytes.integer(at: 16),
            time: bytes.integer(at: 20), firstBetIndex: bytes.integer(at: 28),
            payloadBytes: payload.byteCount, payloadChecksum: CRC32C.checksum(payload))
        guard checksum == bytes.integer(at: 4) else { return nil }
    }
}

extension RawSpan {
    /// A big-endian integer at a byte position.
    func integer<Value: FixedWidthInteger & BitwiseCopyable>(
        at offset: Int, as type: Value.Type = Value.self
    ) -> Value {
        Value(bigEndian: unsafeLoadUnaligned(fromByteOffset: offset, as: Value.self))
    }
}
