package import Domain
import WireProtocol

// The ledger's bytes. Integers are big-endian. Source: docs/ledger.md, which has a worked dump of each.
//
//   block 0            LedgerHeader, zeros, CRC-32C of the block in its last 4 bytes
//   then, each at a multiple of 4096:
//   group              GroupHeader, records without gaps, zeros up to the block's end
//   until the end of the file: preallocated zeros, none after a clean stop or a seal

/// The first block of a ledger.
package struct LedgerHeader: Equatable, Sendable {
    package static let magic = Array("QUINIELA LEDGER\n".utf8)
    /// What this program makes: ledgers with ``StartRecord``s.
    package static let version: UInt16 = 2
    /// What it reads, and appends to.
    package static let versions: ClosedRange<UInt16> = 1...2

    package var version: UInt16
    package var draw: DrawID
    /// Random.
    ///
    /// Every group repeats it, so that no stale block of another ledger passes for one of this.
    package var ledgerID: UInt64
    /// Milliseconds since 1970.
    package var createdAt: UInt64

    package init(draw: DrawID, ledgerID: UInt64, createdAt: UInt64, version: UInt16 = Self.version) {
        self.version = version
        self.draw = draw
        self.ledgerID = ledgerID
        self.createdAt = createdAt
    }

    /// The header's whole block, 4096 bytes.
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
    /// - Throws: `badHeader` for anything but a header of a known version whose checksum is right.
    package init(block: [UInt8], path: String) throws(LedgerError) {
        guard block.count == Limits.blockBytes, block.starts(with: Self.magic) else {
            throw .badHeader(path: path, reason: "this is not a Quiniela ledger")
        }
        let version = UInt16(block[16]) << 8 | UInt16(block[17])
        guard Self.versions.contains(version) else {
            throw .badHeader(
                path: path,
                reason: "this ledger has version \(version), this program reads "
                    + "\(Self.versions.lowerBound) to \(Self.versions.upperBound): use a newer one, nothing was changed"
            )
        }
        let field = block.span.bytes
        let name = block[35..<35 + Int(block[34])]
        guard let draw = DrawID(String(decoding: name, as: UTF8.self)) else {
            throw .badHeader(path: path, reason: "the header's draw is not the name of a draw")
        }
        self.init(
            draw: draw, ledgerID: field.integer(at: 18), createdAt: field.integer(at: 26), version: version)
        guard self.block == block else {
            throw .badHeader(path: path, reason: "the header's checksum does not match its bytes")
        }
    }
}
