import Shared
import Testing

@testable import BetIngest

/// What `verify` says of a result that is not its ledger's.
struct DrawResultDifferencesTests {
    private let ledger: DrawResult

    init() throws {
        ledger = DrawResult(
            draw: try #require(DrawID("default")), winningNumber: 7, method: "configured", bets: 9, ledgerBytes: 8192,
            ledgerSHA256: "ab",
            agencies: [
                DrawResult.Agency(agency: AgencyID(1), bets: 4, rejectedBets: 0, winners: ["30111222", "30111223"]),
                DrawResult.Agency(agency: AgencyID(2), bets: 5, rejectedBets: 1, winners: []),
            ])
    }

    private func differences(_ change: (inout DrawResult) -> Void) -> [String] {
        var result = ledger
        change(&result)
        return result.differences(fromLedger: ledger)
    }

    @Test("the same result has none")
    func same() {
        #expect(differences { _ in }.isEmpty)
    }

    @Test("each field that differs is named with both values")
    func fields() {
        #expect(
            differences { $0.winningNumber = 12 } == ["winning number: the result says 0012, the ledger gives 0007"])
        #expect(differences { $0.bets = 8 } == ["bets: the result says 8, the ledger gives 9"])
        #expect(differences { $0.method = "x" }.count == 1 && differences { $0.ledgerSHA256 = "x" }.count == 1)
        #expect(differences { $0.ledgerBytes = 1 }.count == 1)
        #expect(differences { $0.agencies.removeLast() } == ["agencies: the result says 1, the ledger gives 2"])
        #expect(differences { $0.agencies[1].bets = 4 } == ["agency 2, bets: the result says 4, the ledger gives 5"])
    }

    @Test("of winners the first difference is named")
    func winners() {
        #expect(
            differences { $0.agencies[0].winners[1] = "9" } == [
                "agency 1, winners: the result has 2, the ledger gives 2; the first difference is winner 2: 9 and 30111223"
            ])
        #expect(
            differences { $0.agencies[1].winners = ["1"] } == [
                "agency 2, winners: the result has 1, the ledger gives 0; the first difference is winner 1: 1 and nothing"
            ])
    }
}
