import Domain
import Ledger
import TestKit
import Testing

@testable import BetIngest

/// Tests of the differences that `verify` reports between a result and its ledger.
struct DrawResultDifferencesTests {
    private let ledger = DrawResult(
        draw: Samples.draw, ledgerID: 1, number: DrawnNumber(number: 7, method: "configured"),
        seal: SealRecord(reason: .allFinished, instant: Instant(milliseconds: 1), bets: 9, agencies: 2),
        ledgerBytes: 8192, ledgerSHA256: "ab", winningBets: 2,
        winnersFile: DrawResult.WinnersSeal(bytes: 64, sha256: "cd"),
        agencies: [
            DrawResult.Agency(
                agency: AgencyID(1), bets: 4, rejectedBets: 0, winningBets: 2, winners: ["30111222", "30111223"]),
            DrawResult.Agency(agency: AgencyID(2), bets: 5, rejectedBets: 1, winningBets: 0, winners: []),
        ])

    private func differences(_ change: (inout DrawResult) -> Void) -> [String] {
        var result = ledger
        change(&result)
        return result.differences(fromLedger: ledger)
    }

    @Test("the same result has no differences, nor has one of version 1, which has fewer fields")
    func same() {
        #expect(differences { _ in }.isEmpty)
        #expect(
            differences { result in
                result.version = 1
                result.seal = nil
                result.isNumberKnownBeforeSeal = nil
                result.ledgerID = nil
                result.winnersFile = nil
            }.isEmpty)
    }

    @Test("each different field is named with both values")
    func fields() {
        #expect(
            differences { $0.winningNumber = 12 } == ["winning number: the result says 0012, the ledger gives 0007"])
        #expect(differences { $0.bets = 8 } == ["bets: the result says 8, the ledger gives 9"])
        #expect(differences { $0.method = "x" }.count == 1 && differences { $0.ledgerSHA256 = "x" }.count == 1)
        #expect(differences { $0.ledgerBytes = 1 }.count == 1 && differences { $0.ledgerID = "x" }.count == 1)
        #expect(differences { $0.winningBets = 3 } == ["winning bets: the result says 3, the ledger gives 2"])
        #expect(differences { $0.agencyCount = 1 } == ["agencies: the result says 1, the ledger gives 2"])
        #expect(differences { $0.agencies?[1].bets = 4 } == ["agency 2, bets: the result says 4, the ledger gives 5"])
        #expect(differences { $0.agencies = nil } == ["agencies in the list: the result says 0, the ledger gives 2"])
        #expect(differences { $0.winnersFile?.sha256 = "x" }.count == 1)
        #expect(differences { $0.version = 4 } == ["the result is not what the ledger gives"])
    }

    @Test("the first difference between winners is named")
    func winners() {
        #expect(
            differences { $0.agencies?[0].winners?[1] = "9" } == [
                "agency 1, winners: the result has 2, the ledger gives 2; the first difference is winner 2: 9 and 30111223"
            ])
        #expect(
            differences { $0.agencies?[1].winners = ["1"] } == [
                "agency 2, winners: the result has 1, the ledger gives 0; the first difference is winner 1: 1 and nothing"
            ])
    }
}
