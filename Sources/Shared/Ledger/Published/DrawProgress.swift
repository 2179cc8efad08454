package import Domain
private import Foundation

/// `progress.json`: the state of the draw, as the winners service reports it before the publication.
///
/// No bet and no draw depends on it, and a failure to write it stops nothing. It can show that a ledger is an older
/// copy.
package struct DrawProgress: Codable, Equatable, Sendable {
    package static let version = 3

    package var version = Self.version
    package var draw: DrawID
    /// The ledger's identity.
    package var ledgerID: String
    package var state: DrawState
    /// Nil in version 2, and for a draw without one.
    package var cutOff: Instant?
    package var expectedAgencies: UInt32
    /// The highest number of an agency; nil: ``expectedAgencies``.
    package var lastAgency: UInt32?
    package var finishedAgencies: [AgencyID]

    package init(
        draw: DrawID, ledgerID: UInt64, state: DrawState, agencies: DrawAgencies, finishedAgencies: [AgencyID],
        cutOff: Instant? = nil
    ) {
        self.draw = draw
        self.ledgerID = DrawResult.text(ledgerID: ledgerID)
        self.state = state
        expectedAgencies = agencies.count
        lastAgency = agencies.excluded.isEmpty ? nil : agencies.last
        self.finishedAgencies = finishedAgencies
        self.cutOff = cutOff
    }

    package var fileBytes: [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys]
        guard let body = try? encoder.encode(self) else {
            preconditionFailure("strings and integers cannot be encoded")
        }
        return Array(body) + Array("\n".utf8)
    }

    /// Reads a file; nil unless ``fileBytes`` of this version or the one before could have written it.
    package init?(fileBytes bytes: [UInt8]) {
        guard let progress = try? JSONDecoder().decode(DrawProgress.self, from: Data(bytes)),
            progress.version == Self.version || progress.version == 2
        else { return nil }
        self = progress
    }
}
