import WireProtocol

// The byte layout of the winners file. Integers are big-endian. Source: docs/ledger.md, "winners.list".
//
//   byte 0     WinnersHeader, 64 bytes
//   then       WinnersEntry of agency 1, 2, 3 …, 48 bytes each
//   then       the documents of agency 1, of agency 2 …, each as string8, in the order of the ledger

/// The header of a winners file.
package struct WinnersHeader: Equatable, Sendable {
    package static let magic = Array("QUINIELA WINNERS".utf8)
    package static let version: UInt16 = 1
    package static let byteCount = 64

    package var winningNumber: UInt16
    package var agencies: UInt32
    package var ledgerID: UInt64
    package var winners: UInt64
    package var fileBytes: Int

    package init(winningNumber: UInt16, agencies: UInt32, ledgerID: UInt64, winners: UInt64, fileBytes: Int) {
        self.winningNumber = winningNumber
        self.agencies = agencies
        self.ledgerID = ledgerID
        self.winners = winners
        self.fileBytes = fileBytes
    }

    package var bytes: [UInt8] {
        var bytes = Self.magic
        bytes.append(bigEndian: Self.version)
        bytes.append(bigEndian: winningNumber)
        bytes.append(bigEndian: agencies)
        bytes.append(bigEndian: ledgerID)
        bytes.append(bigEndian: winners)
        bytes.append(bigEndian: UInt64(fileBytes))
        bytes.append(contentsOf: repeatElement(0, count: Self.byteCount - 4 - bytes.count))
        bytes.append(bigEndian: CRC32C.checksum(bytes.span.bytes))
        return bytes
    }

    /// Reads a header; nil unless it is exactly what ``bytes`` writes.
    package init?(_ bytes: [UInt8]) {
        guard bytes.count == Self.byteCount, bytes.starts(with: Self.magic) else { return nil }
        let field = bytes.span.bytes
        guard let fileBytes = Int(exactly: field.integer(at: 40, as: UInt64.self)) else { return nil }
        self.init(
            winningNumber: field.integer(at: 18), agencies: field.integer(at: 20), ledgerID: field.integer(at: 24),
            winners: field.integer(at: 32), fileBytes: fileBytes)
        guard self.bytes == bytes else { return nil }
    }
}

/// One agency's entry in the winners file.
package struct WinnersEntry: Equatable, Sendable {
    package static let byteCount = 48

    /// The offset of its documents.
    package var offset: Int
    /// The size of its documents, each one byte of length and 1 … 20 letters and digits.
    package var documentsBytes: Int
    package var winners: UInt64
    package var bets: UInt64
    package var rejectedBets: UInt64
    /// Whether each document is a u32 without leading zeros.
    package var areIntegers: Bool
    /// CRC-32C of its documents' bytes.
    package var checksum: UInt32

    package init(
        offset: Int, documentsBytes: Int, winners: UInt64, bets: UInt64, rejectedBets: UInt64, areIntegers: Bool,
        checksum: UInt32
    ) {
        self.offset = offset
        self.documentsBytes = documentsBytes
        self.winners = winners
        self.bets = bets
        self.rejectedBets = rejectedBets
        self.areIntegers = areIntegers
        self.checksum = checksum
    }

    /// The entry of an agency that took no part in the draw.
    package static let none = WinnersEntry(
        offset: 0, documentsBytes: 0, winners: 0, bets: 0, rejectedBets: 0, areIntegers: true, checksum: 0)

    package var bytes: [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(Self.byteCount)
        for value in [UInt64(offset), UInt64(documentsBytes), winners, bets, rejectedBets] {
            bytes.append(bigEndian: value)
        }
        bytes.append(bigEndian: UInt32(areIntegers ? 1 : 0))
        bytes.append(bigEndian: checksum)
        return bytes
    }

    /// Reads an entry of ``byteCount`` bytes.
    ///
    /// - Parameter fileBytes: the size of the file, which its documents must not exceed.
    package init?(_ bytes: [UInt8], fileBytes: Int) {
        let field = bytes.span.bytes
        let (offset, documentsBytes): (UInt64, UInt64) = (field.integer(at: 0), field.integer(at: 8))
        guard offset <= fileBytes, documentsBytes <= UInt64(fileBytes) - offset else { return nil }
        self.init(
            offset: Int(offset), documentsBytes: Int(documentsBytes), winners: field.integer(at: 16),
            bets: field.integer(at: 24), rejectedBets: field.integer(at: 32),
            areIntegers: field.integer(at: 40, as: UInt32.self) & 1 == 1, checksum: field.integer(at: 44))
    }
}
