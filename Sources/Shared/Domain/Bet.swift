/// One bet as text and numbers: how tests, single bets and exports see it.
///
/// On the wire and in the ledger bets are kept by column (``BetColumns``) and are never turned into this.
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
