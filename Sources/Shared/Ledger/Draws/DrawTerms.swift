package import Domain

/// `terms.json`: what is fixed when a draw opens.
///
/// The draw of `draw.id` has none: its agencies and number are those of the configuration.
package struct DrawTerms: DrawDocument {
    /// The source of a draw's winning number.
    package enum NumberSource: String, Codable, CaseIterable, Sendable {
        /// `draw.winningNumber` of the configuration.
        case configured
        /// Entered by operators after the ledger is sealed.
        case entered
    }

    package static let name = "terms"
    package static let version = 1
    package static func path(in folder: DrawFolder) -> String { folder.terms }

    package var version: Int = Self.version
    package var draw: DrawID
    package var ledgerID: String
    package var opens: Instant
    /// Nil: the draw closes when every agency has finished.
    ///
    /// A later ``CutOffMove`` wins.
    package var cutOff: Instant?
    /// The highest number of an agency of the draw.
    package var agencies: UInt32
    /// Numbers up to ``agencies`` that are not agencies of the draw; nil: none.
    package var excluded: [AgencyID]?
    package var number: NumberSource
    /// `calendar`, or the user of the operator.
    package var openedBy: String

    package init(
        draw: DrawID, ledgerID: String, opens: Instant, cutOff: Instant?, agencies: DrawAgencies, number: NumberSource,
        openedBy: String
    ) {
        self.draw = draw
        self.ledgerID = ledgerID
        self.opens = opens
        self.cutOff = cutOff
        self.agencies = agencies.last
        excluded = agencies.excluded.isEmpty ? nil : agencies.excluded.sorted()
        self.number = number
        self.openedBy = openedBy
    }

    package var drawAgencies: DrawAgencies { DrawAgencies(agencies, excluded: Set(excluded ?? [])) }
}

/// `cut-off.json`: the cut-off after an operator moved it.
package struct CutOffMove: DrawDocument {
    package static let name = "cutOff"
    package static let version = 1
    package static func path(in folder: DrawFolder) -> String { folder.cutOffMove }

    package var version: Int = Self.version
    package var draw: DrawID
    package var ledgerID: String
    package var cutOff: Instant
    package var movedBy: String
    package var movedAt: Instant

    package init(draw: DrawID, ledgerID: String, cutOff: Instant, movedBy: String, movedAt: Instant) {
        self.draw = draw
        self.ledgerID = ledgerID
        self.cutOff = cutOff
        self.movedBy = movedBy
        self.movedAt = movedAt
    }
}

/// `number.json`: the winning number of a draw, written after its ledger is sealed.
package struct WinningNumber: DrawDocument {
    package static let configured = DrawTerms.NumberSource.configured.rawValue
    package static let name = "number"
    package static let version = 1
    package static func path(in folder: DrawFolder) -> String { folder.number }

    package var version: Int = Self.version
    package var draw: DrawID
    package var ledgerID: String
    /// 0 … 9999.
    package var number: UInt16
    package var source: DrawTerms.NumberSource
    /// The users of both entries; empty for a configured number.
    package var enteredBy: [String]
    package var time: Instant

    package init(
        draw: DrawID, ledgerID: String, number: UInt16, source: DrawTerms.NumberSource, enteredBy: [String],
        time: Instant
    ) {
        self.draw = draw
        self.ledgerID = ledgerID
        self.number = number
        self.source = source
        self.enteredBy = enteredBy
        self.time = time
    }

    package var drawn: DrawnNumber { DrawnNumber(number: number, method: source.rawValue) }
}

/// `void.json`: the draw will not be drawn; its bets are in `refunds.csv`.
package struct VoidDraw: DrawDocument {
    package static let name = "void"
    package static let version = 1
    package static func path(in folder: DrawFolder) -> String { folder.void }

    package var version: Int = Self.version
    package var draw: DrawID
    package var ledgerID: String
    package var reason: String
    package var by: String
    package var time: Instant

    package init(draw: DrawID, ledgerID: String, reason: String, by: String, time: Instant) {
        self.draw = draw
        self.ledgerID = ledgerID
        self.reason = reason
        self.by = by
        self.time = time
    }
}
