import Domain
import Ledger
import Shell

/// An error: the result is not the one that its ledger gives.
struct VerifyFailure: ProgramError, CustomStringConvertible {
    var path: String
    var differences: [String]
    var exit: ProgramExit { .data }

    var description: String {
        "\(path) is not valid:\n"
            + differences.map { "  \($0)\n" }.joined()
            + "The ledger is valid. Keep both files unchanged; docs/operations.md says what each difference means."
    }
}

extension DrawResult {
    /// Returns the differences between this published result and one drawn again from the ledger.
    func differences(fromLedger ledger: DrawResult) -> [String] {
        var differences: [String] = []
        func compare<Value: Equatable>(_ name: String, _ own: Value, _ other: Value) {
            if own != other { differences.append("\(name): the result says \(own), the ledger gives \(other)") }
        }
        compare("draw", "\(draw)", "\(ledger.draw)")
        compare("winning number", winningNumber.fourFigures, ledger.winningNumber.fourFigures)
        compare("how the number was chosen", method, ledger.method)
        compare("bets", bets, ledger.bets)
        compare("winning bets", winningBets, ledger.winningBets)
        if let ledgerID { compare("identity of the ledger", ledgerID, ledger.ledgerID ?? "") }
        compare("bytes of the ledger", ledgerBytes, ledger.ledgerBytes)
        compare("SHA-256 of the ledger", ledgerSHA256, ledger.ledgerSHA256)
        compare("agencies", agencyCount, ledger.agencyCount)
        compare("agencies in the list", agencies?.count ?? 0, ledger.agencies?.count ?? 0)
        for (own, other) in zip(agencies ?? [], ledger.agencies ?? []) {
            compare("agency", own.agency, other.agency)
            compare("agency \(other.agency), bets", own.bets, other.bets)
            compare("agency \(other.agency), rejected bets", own.rejectedBets, other.rejectedBets)
            compare("agency \(other.agency), winning bets", own.winningBets, other.winningBets)
            if let difference = Self.difference(own.winners ?? [], other.winners ?? []) {
                differences.append("agency \(other.agency), winners: \(difference)")
            }
        }
        if let winnersFile, let other = ledger.winnersFile {
            compare("SHA-256 of the winners file", winnersFile.sha256, other.sha256)
            compare("bytes of the winners file", winnersFile.bytes, other.bytes)
        }
        // A difference in fields that are not compared by name.
        if differences.isEmpty, !isOutcome(ledger) { differences.append("the result is not what the ledger gives") }
        return differences
    }

    private static func difference(_ own: [String], _ other: [String]) -> String? {
        guard own != other else { return nil }
        let first = zip(own, other).enumerated().first { $1.0 != $1.1 }
        let at = first?.offset ?? min(own.count, other.count)
        let seen = at < own.count ? own[at] : "nothing"
        let expected = at < other.count ? other[at] : "nothing"
        return
            "the result has \(own.count), the ledger gives \(other.count); the first difference is winner \(at + 1): "
            + "\(seen) and \(expected)"
    }
}
