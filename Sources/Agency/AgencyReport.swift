import Foundation
import Shared

/// The outcome of an agency's run, for people and for programs.
struct AgencyReport {
    let agency: AgencyID
    let totals: BetSender.Totals
    /// Rows of the file that are no bets.
    let faultyRows: Int
    let winners: WinnersConsultation.Outcome

    /// Rows of the file that are not in the draw: faulty ones, and those of chunks that the service refused in this run
    /// and earlier ones.
    var lostRows: Int { faultyRows + totals.refused }

    var text: String {
        var text = "agency \(agency): \(totals.stored) bets stored, \(winners.documents.count) winners "
        text += "of \(winners.winningNumber)"
        if !winners.documents.isEmpty { text += ": \(winners.documents.joined(separator: ", "))" }
        if lostRows > 0 { text += "; \(lostRows) rows rejected" }
        return text
    }

    private struct JSON: Encodable {
        var agency: AgencyID
        var bets: Int
        var rejectedRows: Int
        var winningNumber: UInt16
        var winners: [String]
    }

    var json: String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys]
        let value = JSON(
            agency: agency, bets: totals.stored, rejectedRows: lostRows,
            winningNumber: winners.winningNumber, winners: winners.documents)
        // Strings and integers only: encoding them cannot fail.
        return String(decoding: (try? encoder.encode(value)) ?? Data(), as: UTF8.self)
    }
}
