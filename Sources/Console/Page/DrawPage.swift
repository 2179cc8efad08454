import Control
import Domain
import Ledger

/// The page of one draw.
struct DrawPage {
    let draw: DrawID
    let snapshot: Snapshot
    /// Nil before the publication.
    let result: DrawResult?
    let query: PageQuery

    private var path: String { "/draws/\(draw.name)" }

    var page: Page {
        let summary = snapshot.summary(of: draw)
        let fragments = Fragments(snapshot: snapshot, query: query, path: path)
        let parts = Dictionary(uniqueKeysWithValues: fragments.all)
        let outcome: HTML =
            summary == nil
            ? result.map { Page.part("outcome", "Result", ResultView(result: $0, data: snapshot.data).piece) } ?? ""
            : "<div id=\"result\">\(parts["result"] ?? "")</div>"
        let agencies: HTML =
            summary == nil
            ? ""
            : Page.part(
                "agencies", "Agencies", parts["agencies"] ?? "",
                before: AgencyFilter(query: query, path: path, draws: []).piece)
        return Page(
            title: "Draw \(draw.name)",
            body: """
                <h1>Draw \(draw.name)</h1>
                <div id="facts">\(summary.map(Self.facts) ?? "<p>This draw is published; bet-ingest has closed its ledger.</p>")</div>
                <div id="actions">\(parts["actions"] ?? "")</div>
                \(outcome)\(agencies)\
                \(Page.part("events", "Events", parts["events"] ?? ""))\
                <p>The same as <a href="\(path).json">JSON</a>. All events: <code>bet-ingest events --draw \(draw.name)</code></p>
                """,
            events: summary == nil ? nil : query.address("/events") { $0.draw = draw } + "&of=draw",
            now: LocalTime.now, data: snapshot)
    }

    /// The facts that the service knows about the draw, and the commands that it can take.
    static func facts(_ summary: DrawSummary) -> HTML {
        let cutOff: HTML =
            summary.cutOff.map { "\(LocalTime.day($0)) \(LocalTime.clock($0)) \(LocalTime.zone($0))" }
            ?? "none: it closes when all have finished"
        let reason: HTML = summary.voidReason.map { "<dt>Void because</dt><dd>\($0)</dd>" } ?? ""
        return """
            <dl><dt>State</dt><dd>\(DrawsView.state(summary.state))</dd><dt>Cut-off</dt><dd>\(cutOff)</dd>\
            <dt>Agencies finished</dt><dd>\(DrawsView.agencies(summary))</dd>\
            <dt>Bets</dt><dd>\(Figure.grouped(summary.bets)); \(Figure.grouped(summary.rejectedBets)) rejected, \
            \(Figure.grouped(summary.lateBets)) late</dd>\(reason)</dl>
            """
    }

    /// The commands that the draw can take: a part of its own, which changes only with the draw's state.
    static func actions(_ summary: DrawSummary) -> HTML {
        let path = "/draws/\(summary.draw.name)"
        if summary.state == .published {
            return "<p>Settlement per agency: <code>bet-ingest draw settle \(summary.draw.name)</code></p>"
        }
        let actions = DrawAction.possible(for: summary.state)
        if actions.isEmpty { return "" }
        return """
            <p class="actions">\(actions.map { "<a href=\"\(path)/\($0.rawValue)\">\($0.title)</a> " })</p>
            """
    }
}

/// The page of one agency: where it is in each draw in use.
struct AgencyPage {
    let agency: AgencyID
    let snapshot: Snapshot
    /// Of the draws in use.
    let statuses: [DrawStatus]

    struct Row: Encodable {
        var draw: DrawID
        var state: DrawState
        /// Nil if it has sent nothing.
        var sent: DrawStatus.Agency?
    }

    var rows: [Row] {
        statuses.map { status in
            Row(
                draw: status.summary.draw, state: status.summary.state,
                sent: status.agencies.first { $0.agency == agency })
        }
    }

    /// Whether some draw has, or expects, the agency.
    var isKnown: Bool {
        statuses.contains { status in
            status.agencies.contains { $0.agency == agency } || status.silent?.contains(agency) ?? true
        }
    }

    var page: Page {
        Page(
            title: "Agency \(agency)",
            body: """
                <h1>Agency \(agency.rawValue)</h1>
                <div class="scroll"><table class="rows"><thead><tr><th scope="col">Draw</th><th scope="col">Draw is</th>\
                <th scope="col">Agency</th><th scope="col">Last chunk</th><th scope="col" class="figure">Chunks</th>\
                <th scope="col" class="figure">Bets</th><th scope="col" class="figure">Rejected</th>\
                <th scope="col" class="figure">Late</th></tr></thead>
                <tbody>\(rows.map(line))</tbody></table></div>
                <p>The same as <a href="/agencies/\(agency.rawValue).json">JSON</a>. Events name agencies too: \
                <code>bet-ingest events</code></p>
                """,
            now: snapshot.time)
    }

    private func line(_ row: Row) -> HTML {
        let sent = row.sent
        let last: HTML = sent?.lastChunk.map { "\(LocalTime.clock($0, today: snapshot.time))" } ?? "never"
        return """
            <tr><th scope="row"><a href="/draws/\(row.draw.name)">\(row.draw.name)</a></th><td>\(DrawsView.state(row.state))</td>\
            <td>\(AgenciesView.state(sent, isOver: row.state != .open))</td><td class="break" data-unit="">\(last)</td>\
            <td class="figure" data-unit="chunks">\(Figure.grouped(sent?.chunks ?? 0))</td>\
            <td class="figure" data-unit="bets">\(Figure.grouped(sent?.bets ?? 0))</td>\
            <td class="figure" data-unit="rejected">\(Figure.grouped(sent?.rejectedBets ?? 0))</td>\
            <td class="figure" data-unit="late">\(Figure.grouped(sent?.lateBets ?? 0))</td></tr>

            """
    }
}
