import Domain
import Shell
import TestKit
import Testing

@testable import Agency

struct BetCommandTests {
    private let variables = [
        "NOMBRE": "Santiago Lionel", "APELLIDO": "Lorca", "DOCUMENTO": "30904465", "NACIMIENTO": "1999-03-17",
        "NUMERO": "7574",
    ]

    @Test("a bet is read from the environment")
    func valid() throws {
        let bet = try BetCommand.bet(from: variables, today: Samples.today)
        #expect(bet.document == "30904465" && bet.number == 7574 && bet.birthdate.packed == 19_990_317)
    }

    @Test("every missing or invalid variable is named")
    func faults() {
        #expect(throws: ConfigurationError(["DOCUMENTO: the document has 0 characters; 1 to 20 are expected"])) {
            try BetCommand.bet(from: variables.merging(["DOCUMENTO": ""]) { $1 }, today: Samples.today)
        }
        #expect(
            throws: ConfigurationError([
                "NOMBRE: the variable is not set", "APELLIDO: the variable is not set",
                "DOCUMENTO: the variable is not set", "NACIMIENTO: the birthdate is not of the form yyyy-mm-dd",
                "NUMERO: the variable is not set",
            ])
        ) { try BetCommand.bet(from: ["NACIMIENTO": "17/3/1999"], today: Samples.today) }
    }
}
