import Domain
import Ledger

/// The parts of the page that are replaced while it is viewed, by the `id` of their element.
///
/// Pure: a snapshot in, pieces of a page out.
struct Fragments: Sendable {
    let snapshot: Snapshot
    let query: PageQuery
    /// Of the page, for the links to other orders and pages.
    let path: String
    /// Whether the page ticks times that pass; then they are empty here, so that a part changes only with what it shows.
    var isLive = false

    /// In the order of the page.
    var all: [(id: String, piece: HTML)] {
        let events = path == "/" ? snapshot.events : snapshot.events.filter { $0.draw == draw }
        let parts = [
            ("agencies", agencies.piece), ("result", result),
            ("events", EventsView(events: events, now: snapshot.time).piece),
        ]
        guard path == "/" else { return [("facts", facts), ("actions", actions)] + parts }
        return [
            ("services", ServicesView(snapshot: snapshot).piece),
            ("draws", DrawsView(snapshot: snapshot, isLive: isLive).piece),
            ("needs", NeedsView(needs: Need.all(of: snapshot)).piece),
            ("machine", MachineView(snapshot: snapshot).piece),
        ] + parts
    }

    /// The draw whose agencies are shown.
    var draw: DrawID? { query.draw ?? snapshot.firstDraw }

    /// Of the page of one draw.
    private var facts: HTML {
        guard let summary = snapshot.summary(of: draw) else {
            return "<p>The draw is over, and bet-ingest has closed its ledger.</p>"
        }
        return DrawPage.facts(summary)
    }

    private var actions: HTML { snapshot.summary(of: draw).map(DrawPage.actions) ?? "" }

    /// With its title; empty before the publication.
    var result: HTML {
        guard let result = draw.flatMap({ snapshot.results[$0] }) else { return "" }
        return """
            <section aria-labelledby="result-title"><h2 id="result-title">Result of \(result.draw.name)</h2>
            \(ResultView(result: result, data: snapshot.data).piece)</section>
            """
    }

    var agencies: AgenciesView {
        AgenciesView(
            status: draw.flatMap { snapshot.statuses[$0] }, summary: snapshot.summary(of: draw), query: query,
            path: path,
            isLive: isLive)
    }
}
