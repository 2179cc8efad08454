import Domain
import TestKit
import Testing
import WireProtocol

@testable import BetIngest

struct BetRowsTests {
    @Test("rows are as Python's csv.writer writes them: CR LF, quotes where needed, numbers without leading zeros")
    func rows() {
        let bets = [
            Bet(
                firstName: "Ana", lastName: "O'Hara, \"la\"", document: "1", birthdate: Birthdate(packed: 19_990_317),
                number: 7),
            Bet(
                firstName: "Dos\nlíneas", lastName: "Paz", document: "A2", birthdate: Birthdate(packed: 19_000_101),
                number: 0),
        ]
        let chunk = Samples.chunk(sequence: 1, bets: bets)
        var rows = BetRows()
        rows.append(BetColumns(chunk.bets, count: 2), agency: AgencyID(3))
        let text = String(decoding: rows.take(), as: UTF8.self)
        #expect(
            text == "3,Ana,\"O'Hara, \"\"la\"\"\",1,1999-03-17,7\r\n3,\"Dos\nlíneas\",Paz,A2,1900-01-01,0\r\n")
        #expect(rows.take().isEmpty)
    }
}
