package import Domain

/// The paths that the draws of a data folder share.
package struct DataFolder: Sendable {
    package let path: String

    package init(_ path: String) {
        self.path = path
    }

    /// The lock that the data folder's only ingest service holds while it has ledgers open.
    package var lock: String { path + "/ingest.lock" }
    package var draws: String { path + "/draws" }
    /// The actions of operators and the service; see ``DrawEvent``.
    package var events: String { path + "/events.log" }
    /// The folder of the services' control sockets.
    package var control: String { path + "/control" }
    package var ingestSocket: String { control + "/ingest.sock" }
    /// The token for the console's commands.
    package var operatorToken: String { control + "/operator.token" }
    package var winnersSocket: String { control + "/winners.sock" }
}

/// The paths of the files of a draw.
package struct DrawFolder: Sendable {
    package let data: DataFolder
    package let draw: DrawID

    package init(data: String, draw: DrawID) {
        self.data = DataFolder(data)
        self.draw = draw
    }

    /// The ledger's file name.
    package static let ledgerName = "bets.ledger"

    package var path: String { data.draws + "/" + draw.name }
    package var ledger: String { path + "/" + Self.ledgerName }
    /// See ``DrawTerms``.
    package var terms: String { path + "/terms.json" }
    /// See ``CutOffMove``.
    package var cutOffMove: String { path + "/cut-off.json" }
    /// See ``WinningNumber``.
    package var number: String { path + "/number.json" }
    package var result: String { path + "/result.json" }
    /// The documents of all winning bets, by agency.
    package var winners: String { path + "/winners.list" }
    package var progress: String { path + "/progress.json" }
    /// See ``VoidDraw``.
    package var void: String { path + "/void.json" }
    /// The bets of a void draw, as CSV.
    package var refunds: String { path + "/refunds.csv" }
    /// See ``LateChunk``.
    package var late: String { path + "/late.csv" }
}
