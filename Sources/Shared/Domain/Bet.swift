/// One bet as text and numbers, for tests, single bets and exports.
///
/// On the wire and in the ledger, bets are kept by column (``BetColumns``) and never converted to this type.
package struct Bet: Equatable, Sendable {
    package var firstName: String
    package var lastName: String
    package var document: String
    package var birthdate: Birthdate
    package var number: UInt16

    package init(
        firstName: String, lastName: String, document: String, birthdate: Birthdate, number: UInt16
    ) {
        self.firstName = firstName
        self.lastName = lastName
        self.document = document
        self.birthdate = birthdate
        self.number = number
    }
}

extension UInt16 {
    /// The number as the quiniela shows it, in four digits, for example `0007`.
    package var fourFigures: String {
        let figures = String(self)
        return String(repeating: "0", count: Swift.max(0, 4 - figures.count)) + figures
    }
}
