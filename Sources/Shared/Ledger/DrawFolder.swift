package import Domain

/// The paths of a draw's files in its data folder.
package struct DrawFolder: Sendable {
    package let data: String
    package let draw: DrawID

    package init(data: String, draw: DrawID) {
        self.data = data
        self.draw = draw
    }

    /// The ledger's file name.
    package static let ledgerName = "bets.ledger"

    /// The lock that the data folder's only ingest service holds while it has a ledger open.
    package var lock: String { data + "/ingest.lock" }
    package var path: String { data + "/draws/" + draw.name }
    package var ledger: String { path + "/" + Self.ledgerName }
    package var result: String { path + "/result.json" }
    /// The documents of all winning bets, by agency.
    package var winners: String { path + "/winners.list" }
    package var progress: String { path + "/progress.json" }
}
