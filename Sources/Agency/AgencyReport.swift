import Domain
import Foundation

/// The outcome of an agency's run, as text and as JSON.
struct AgencyReport {
    let agency: AgencyID
    let totals: BetSender.Totals
    /// Lines of the file that are not valid bets; nil if no file was read.
    let invalidLines: Int?
    let winners: WinnersConsultation.Outcome

    var isIncomplete: Bool { (invalidLines ?? 0) + totals.rejected > 0 }

    var text: String {
        func counted(_ number: Int, _ thing: String) -> String { "\(number) \(thing)\(number == 1 ? "" : "s")" }
        var text = "agency \(agency): \(counted(totals.stored, "bet")) stored, "
        text += "\(counted(winners.documents.count, "winning bet")) on number \(Figures.four(winners.winningNumber))"
        if !winners.documents.isEmpty { text += ": \(winners.documents.joined(separator: ", "))" }
        if totals.rejected > 0 { text += "; \(counted(totals.rejected, "bet")) rejected by the service" }
        if let invalidLines, invalidLines > 0 { text += "; \(counted(invalidLines, "invalid line")) not sent" }
        return text
    }

    private struct JSON: Encodable {
        var agency: AgencyID
        var bets: Int
        var invalidLines: Int?
        var rejectedBets: Int
        var winningNumber: UInt16
        var winners: [String]
    }

    var json: String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys]
        let value = JSON(
            agency: agency, bets: totals.stored, invalidLines: invalidLines, rejectedBets: totals.rejected,
            winningNumber: winners.winningNumber, winners: winners.documents)
        // Strings and integers only: encoding them cannot fail.
        return String(decoding: (try? encoder.encode(value)) ?? Data(), as: UTF8.self)
    }
}
