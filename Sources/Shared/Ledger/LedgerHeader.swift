package import Domain
import WireProtocol

// The byte layout of a ledger. Integers are big-endian. Source: docs/ledger.md, with a dump of each structure.
//
//   block 0            LedgerHeader, zeros, CRC-32C of the block in its last 4 bytes
//   then, each at a multiple of 4096:
//   group              GroupHeader, records without gaps, zeros up to the block's end
//   until the end of the file: preallocated zeros, none after a clean stop or a seal

/// The first block of a ledger.
package struct LedgerHeader: Equatable, Sendable {
    package static let magic = Array("QUINIELA LEDGER\n".utf8)
    /// The version that this program writes, with ``StartRecord``s.
    package static let version: UInt16 = 2
    /// The versions that this program reads and appends to.
    package static let versions: ClosedRange<UInt16> = 1...2

    package var version: UInt16
    package var draw: DrawID
    /// The ledger's random identity.
    ///
    /// Every group repeats it, so that a stale block of another ledger is not mistaken for one of this ledger.
    package var ledgerID: UInt64
    /// Milliseconds since 1970.
    package var createdAt: UInt64

    package init(draw: DrawID, ledgerID: UInt64, createdAt: UInt64, version: UInt16 = Self.version) {
        self.version = version
        self.draw = draw
        self.ledgerID = ledgerID
        self.createdAt = createdAt
    }

    /// The header's block, 4096 bytes.
    package var block: [UInt8] {
        var bytes = Self.magic
        bytes.append(bigEndian: version)
        bytes.append(bigEndian: ledgerID)
        bytes.append(bigEndian: createdAt)
        bytes.append(UInt8(draw.name.utf8.count))
        bytes.append(contentsOf: draw.name.utf8)
        bytes.append(
            contentsOf: repeatElement(0, count: Limits.blockBytes - 4 - bytes.count))
        bytes.append(bigEndian: CRC32C.checksum(bytes.span.bytes))
        return bytes
    }

    /// Reads the first block of a file.
    ///
    /// - Throws: `badHeader` unless the block is a header of a known version with a valid checksum.
    package init(block: [UInt8], path: String) throws(LedgerError) {
        guard block.count == Limits.blockBytes, block.starts(with: Self.magic) else {
            throw .badHeader(path: path, reason: "this is not a Quiniela ledger")
        }
        let version = UInt16(block[16]) << 8 | UInt16(block[17])
        guard Self.versions.contains(version) else {
            throw .badHeader(
                path: path,
                reason: "this ledger has version \(version), and this program reads "
                    + "\(Self.versions.lowerBound) to \(Self.versions.upperBound); use a newer one; nothing was changed"
            )
        }
        let field = block.span.bytes
        let name = block[35..<35 + Int(block[34])]
        guard let draw = DrawID(String(decoding: name, as: UTF8.self)) else {
            throw .badHeader(path: path, reason: "the header's draw name is not valid")
        }
        self.init(
            draw: draw, ledgerID: field.integer(at: 18), createdAt: field.integer(at: 26), version: version)
        guard self.block == block else {
            throw .badHeader(path: path, reason: "the header's checksum does not match its bytes")
        }
    }
}
