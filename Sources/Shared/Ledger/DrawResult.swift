private import Crypto
private import Foundation

/// `result.json`: the outcome of a draw, published once.
package struct DrawResult: Codable, Equatable, Sendable {
    package struct Agency: Codable, Equatable, Sendable {
        package var agency: AgencyID
        package var bets: UInt64
        package var rejectedBets: UInt64
        /// The documents of its winning bets, in the order of the ledger.
        package var winners: [String]

        package init(agency: AgencyID, bets: UInt64, rejectedBets: UInt64, winners: [String]) {
            self.agency = agency
            self.bets = bets
            self.rejectedBets = rejectedBets
            self.winners = winners
        }
    }

    package var draw: DrawID
    package var winningNumber: UInt16
    /// How the number was chosen.
    package var method: String
    package var bets: UInt64
    /// The sealed ledger: its size in bytes and its SHA-256 in hexadecimal.
    package var ledgerBytes: Int
    package var ledgerSHA256: String
    /// Every agency of the draw, by number.
    package var agencies: [Agency]

    package init(
        draw: DrawID, winningNumber: UInt16, method: String, bets: UInt64, ledgerBytes: Int,
        ledgerSHA256: String, agencies: [Agency]
    ) {
        self.draw = draw
        self.winningNumber = winningNumber
        self.method = method
        self.bets = bets
        self.ledgerBytes = ledgerBytes
        self.ledgerSHA256 = ledgerSHA256
        self.agencies = agencies
    }

    private static let opening = Array(#"{"sha256":""#.utf8)
    private static let middle = Array(#"","result":"#.utf8)
    private static let closing = Array("}\n".utf8)

    /// The file's bytes: `{"sha256":"…","result":{…}}`, where the checksum covers the bytes of the result object, so
    /// that no flipped bit is ever served.
    package var fileBytes: [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
        // Strings and integers only: encoding them cannot fail.
        let body = (try? encoder.encode(self)) ?? Data()
        return Self.opening + Array(hexadecimal(SHA256.hash(data: body)).utf8) + Self.middle + body
            + Self.closing
    }

    /// - Throws: ``DrawResultError`` for anything but what ``fileBytes`` writes.
    package init(fileBytes bytes: [UInt8]) throws(DrawResultError) {
        let bodyIndex = Self.opening.count + 64 + Self.middle.count
        guard bytes.count >= bodyIndex + Self.closing.count, bytes.starts(with: Self.opening),
            bytes[(bodyIndex - Self.middle.count)...].starts(with: Self.middle),
            bytes.suffix(Self.closing.count).elementsEqual(Self.closing)
        else { throw .notAResult }
        let body = Data(bytes[bodyIndex..<bytes.count - Self.closing.count])
        let expected = bytes[Self.opening.count..<Self.opening.count + 64]
        guard expected.elementsEqual(hexadecimal(SHA256.hash(data: body)).utf8) else {
            throw .checksum
        }
        guard let result = try? JSONDecoder().decode(DrawResult.self, from: body) else {
            throw .notAResult
        }
        self = result
    }
}

/// Why a file is no draw result.
package enum DrawResultError: Error, Equatable, Sendable, CustomStringConvertible {
    case notAResult
    case checksum

    package var description: String {
        switch self {
        case .notAResult: "this is no draw result that version 1 wrote"
        case .checksum: "the checksum does not match: the file was changed after the draw"
        }
    }
}
