import Domain
import Ledger
import Platform

/// A whole page: its head, its own parts, and what all pages have.
struct Page {
    var title: String
    var body: HTML
    /// The address of its stream of changes; nil for a page that does not change.
    var events: String?
    var now: Instant
    /// The answers that the page shows; nil for a page without any.
    var data: Snapshot?

    /// Whether the page's answers are too old to pass for the present, and the words for it.
    private var stale: (isStale: Bool, words: HTML) {
        guard let data else { return (false, "") }
        guard data.isStale(at: now) else { return (false, "") }
        let since = data.ingest.lastAnswer.map { LocalTime.clock($0, today: now) } ?? "the start"
        return (true, " · no data since \(since)")
    }

    var html: HTML {
        let stale = stale
        let kind: HTML = stale.isStale ? " class=\"is-stale\"" : ""
        let still: HTML = events == nil ? " · this page does not change by itself" : stale.words
        return """
            <!DOCTYPE html>
            <html lang="en"\(kind)>
            <head>
            <meta charset="utf-8">
            <meta name="viewport" content="width=device-width, initial-scale=1">
            <meta name="color-scheme" content="light dark">
            <title>\(title) – Quiniela</title>
            <link rel="stylesheet" href="/console.css">
            <link rel="icon" href="/icon.svg" type="image/svg+xml">
            <script src="/console.js" defer></script>
            </head>
            <body\(stream)>
            <a class="skip" href="#main">To the content</a>
            <header>
            <p class="home"><a href="/">Quiniela</a></p>
            <p id="live" data-data="\(data?.ingest.lastAnswer?.milliseconds ?? 0)" data-now="\(now.milliseconds)">As of <time id="clock">\(LocalTime.clock(now))</time> \
            \(LocalTime.zone(now)), server’s clock<span id="live-word">\(still)</span></p>
            <p class="controls"><button type="button" id="pause" hidden>Pause</button> \
            <button type="button" id="theme" hidden>Dark</button></p>
            <noscript><p>Without JavaScript this page does not change by itself: <a href="">load it again</a>.</p></noscript>
            </header>
            <main id="main">
            \(body)
            </main>
            <footer><p>console \(ProgramVersion.text) · <a href="/metrics">metrics</a> · <a href="/ready">readiness</a></p></footer>
            </body>
            </html>

            """
    }

    private var stream: HTML {
        guard let events else { return "" }
        return " data-events=\"\(events)\""
    }

    /// A part of a page that may be replaced: its title and the element with the part's id.
    static func part(_ id: String, _ title: String, _ piece: HTML, before: HTML = "", isStatus: Bool = false) -> HTML {
        let role: HTML = isStatus ? " role=\"status\"" : ""
        return """
            <section aria-labelledby="\(id)-title"><h2 id="\(id)-title">\(title)</h2>
            \(before)<div id="\(id)"\(role)>\(piece)</div></section>

            """
    }
}

/// The operator's page.
struct MainPage {
    let snapshot: Snapshot
    let query: PageQuery

    var page: Page {
        let fragments = Fragments(snapshot: snapshot, query: query, path: "/")
        let parts = Dictionary(uniqueKeysWithValues: fragments.all)
        func part(_ id: String, _ title: String, before: HTML = "", isStatus: Bool = false) -> HTML {
            Page.part(id, title, parts[id] ?? "", before: before, isStatus: isStatus)
        }
        let draw = fragments.draw
        // The page stays with the draw that is first now, whose name is in the title.
        var pinned = query
        pinned.draw = draw
        return Page(
            title: "Draws",
            body: """
                <h1 class="hidden">The draws of this lottery</h1>
                <div id="services">\(parts["services"] ?? "")</div>
                <nav class="jump" aria-label="Parts of this page"><a href="#needs-title">Needs you</a> \
                <a href="#agencies-title">Agencies</a> <a href="#machine-title">The machine</a> <a href="#result">Result</a> \
                <a href="#events-title">Last events</a></nav>
                \(part("draws", "Draws"))<p><a href="/open">Open a draw outside the calendar</a></p>
                \
                \(part("needs", "Needs you", isStatus: true))\
                \(part("agencies", "Agencies\(draw.map { " of \($0.name)" } ?? "")", before: AgencyFilter(query: pinned, path: "/", draws: snapshot.draws.map(\.draw)).piece))\
                \(part("machine", "The machine"))\
                <div id="result">\(parts["result"] ?? "")</div>
                \(part("events", "Last events"))
                """,
            events: pinned.address("/events"), now: LocalTime.now, data: snapshot)
    }
}

/// The form that chooses the draw and the rows of its agencies.
struct AgencyFilter {
    let query: PageQuery
    let path: String
    /// The draws to choose from; empty on the page of one draw.
    let draws: [DrawID]

    var piece: HTML {
        let choice: HTML =
            draws.count > 1
            ? """
            <label>Draw <select name="draw">\(draws.map { option($0.name, $0.name, query.draw == $0) })</select></label>

            """ : ""
        let order: HTML =
            query.order == .silent ? "" : "<input type=\"hidden\" name=\"order\" value=\"\(query.order.rawValue)\">"
        return """
            <form class="filter" action="\(path)#agencies-title" method="get">\(choice)\(order)
            <label>Show <select name="filter">\(PageQuery.Filter.allCases.map { option($0.rawValue, $0.word, query.filter == $0) })</select></label>
            <label>Number begins with <input name="find" inputmode="numeric" size="7" value="\(query.find)"></label>
            <button>Show</button></form>

            """
    }

    private func option(_ value: String, _ text: String, _ isChosen: Bool) -> HTML {
        let chosen: HTML = isChosen ? " selected" : ""
        return "<option value=\"\(value)\"\(chosen)>\(text)</option>"
    }
}
