import Domain
import Ledger

/// The parts of the page that are replaced while somebody looks at it, by the `id` of their element.
///
/// Pure: a snapshot in, pieces of a page out. Times that pass are ticked by the page itself, so that a part changes only
/// with what it shows.
struct Fragments: Sendable {
    let snapshot: Snapshot
    let query: PageQuery
    /// Of the page, for the links to other orders and pages.
    let path: String

    /// In the order of the page.
    var all: [(id: String, piece: HTML)] {
        [
            ("facts", facts), ("services", ServicesView(snapshot: snapshot).piece),
            ("draws", DrawsView(snapshot: snapshot).piece),
            ("needs", NeedsView(needs: Need.all(of: snapshot)).piece), ("result", result), ("agencies", agencies.piece),
            ("machine", MachineView(snapshot: snapshot).piece),
            ("events", EventsView(events: snapshot.events, now: snapshot.time).piece),
        ]
    }

    /// The draw whose agencies are shown.
    var draw: DrawID? { query.draw ?? snapshot.firstDraw }

    /// Of the page of one draw.
    private var facts: HTML {
        guard path != "/", let summary = snapshot.summary(of: draw) else { return "" }
        return DrawPage.facts(summary)
    }

    /// With its title; empty before the publication.
    var result: HTML {
        guard let result = draw.flatMap({ snapshot.results[$0] }) else { return "" }
        return """
            <section aria-labelledby="result-title"><h2 id="result-title">Result of \(result.draw.name)</h2>
            \(ResultView(result: result, data: snapshot.data).piece)</section>
            """
    }

    var agencies: AgenciesView {
        AgenciesView(status: draw.flatMap { snapshot.statuses[$0] }, query: query, path: path)
    }
}
