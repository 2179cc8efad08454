package import Domain
package import Ledger

/// When a draw on a cluster ends: its cut-off, and later the order to close it.
///
/// One document with versions, so that moving the cut-off and closing exclude each other: each replaces the version that
/// its node has read, or fails.
package struct DrawEnd: StreamDocument, Equatable, Sendable {
    /// The order to close the draw; it is final.
    package struct Order: Codable, Equatable, Sendable {
        package var reason: SealRecord.Reason
        /// The cut-off, or the time of the decision.
        package var instant: Instant

        package init(reason: SealRecord.Reason, instant: Instant) {
            self.reason = reason
            self.instant = instant
        }
    }

    package static let name = "end"

    /// The identity of the draw's ledger, in hexadecimal.
    package var ledgerID: String
    /// Nil: the draw closes when every agency has finished.
    package var cutOff: Instant?
    /// The operator who moved the cut-off.
    package var movedBy: String?
    package var order: Order?

    package init(ledgerID: String, cutOff: Instant?, movedBy: String? = nil, order: Order? = nil) {
        self.ledgerID = ledgerID
        self.cutOff = cutOff
        self.movedBy = movedBy
        self.order = order
    }
}

/// The ledger of a sealed draw, as every node must write it.
package struct StreamSeal: StreamDocument, Equatable, Sendable {
    package static let name = "seal"

    /// The identity of the draw's ledger, in hexadecimal.
    package var ledgerID: String
    package var bets: UInt64
    /// Of the whole ledger file.
    package var ledgerSHA256: String

    package init(ledgerID: String, bets: UInt64, ledgerSHA256: String) {
        self.ledgerID = ledgerID
        self.bets = bets
        self.ledgerSHA256 = ledgerSHA256
    }
}

/// A document of a draw's stream, with a checksum.
package protocol StreamDocument: Codable {
    /// Of the document, and the key of its object.
    static var name: String { get }
}

extension StreamDocument {
    package var bytes: [UInt8] { ChecksummedJSON(name: Self.name).bytes(self) }

    /// Reads ``bytes``; nil for bytes that are damaged or of a newer version.
    package init?(_ bytes: [UInt8]) {
        guard let document = try? ChecksummedJSON(name: Self.name).read(Self.self, from: bytes) else { return nil }
        self = document
    }
}
