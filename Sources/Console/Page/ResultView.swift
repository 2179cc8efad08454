import Domain
import Ledger
import Shell

/// A draw that is over: its number, its winners by agency, and what verifies it.
struct ResultView {
    let result: DrawResult
    /// The path of the data folder.
    let data: String

    var piece: HTML {
        let known: HTML =
            result.isNumberKnownBeforeSeal == true
            ? "<p>The number was configured, so it was known before the ledger was sealed.</p>" : ""
        return """
            <p class="number"><span class="hidden">The winning number is </span>\(result.winningNumber.fourFigures)</p>
            \(known)
            <p>\(Figure.grouped(result.winningBets)) winning bets of \(Figure.grouped(result.bets))\(seal)</p>
            \(agencies)
            <dl>
            <dt>Ledger</dt><dd>\(Figure.grouped(result.ledgerBytes)) bytes</dd>
            <dt>SHA-256</dt><dd><code class="hash">\(result.ledgerSHA256)</code></dd>
            <dt>To verify it</dt><dd><code>bet-ingest verify --draw \(result.draw.name) --data \(data)</code></dd>
            </dl>
            """
    }

    private var seal: String {
        guard let seal = result.seal else { return "." }
        let text = ". The ledger was sealed at \(LocalTime.day(seal.instant)) \(LocalTime.clock(seal.instant)) "
        let missing =
            seal.unfinishedCount + seal.absentCount == 0
            ? "" : "; \(seal.unfinishedCount) agencies were unfinished and \(seal.absentCount) absent"
        return text + "(\(seal.reason.rawValue))\(missing)."
    }

    private var agencies: HTML {
        guard let agencies = result.agencies else {
            return "<p>The agencies of this draw are too many to list; each gets its own winners.</p>"
        }
        let winners = agencies.filter { $0.winningBets > 0 }
        let shown = agencies.count <= PageQuery.rowsPerPage ? agencies : Array(winners.prefix(PageQuery.rowsPerPage))
        let more: HTML =
            shown.count < winners.count
            ? "<p>\(Figure.grouped(winners.count - shown.count)) more agencies have winners: <a href=\"/draws/\(result.draw.name).json\">all as JSON</a>.</p>"
            : ""
        return """
            <div class="scroll"><table><thead><tr><th scope="col" class="row">Agency</th><th scope="col" class="figure">Bets</th>\
            <th scope="col" class="figure">Rejected</th><th scope="col" class="figure">Winning bets</th></tr></thead>
            <tbody>\(shown.map(row))</tbody></table></div>\(more)
            """
    }

    private func row(_ agency: DrawResult.Agency) -> HTML {
        """
        <tr><th scope="row" class="row"><a href="/agencies/\(agency.agency.rawValue)">\(agency.agency.rawValue)</a></th>\
        <td class="figure">\(Figure.grouped(agency.bets))</td><td class="figure">\(Figure.grouped(agency.rejectedBets))</td>\
        <td class="figure">\(Figure.grouped(agency.winningBets))</td></tr>

        """
    }
}
