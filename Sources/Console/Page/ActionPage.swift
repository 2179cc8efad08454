import Control
import Domain
import Ledger

/// The page of a command for a draw: its consequences with counts, and the form.
struct ActionPage: FormPage {
    let summary: DrawSummary
    let action: DrawAction
    let now: Instant

    init(draw: DrawSummary, action: DrawAction, now: Instant) {
        summary = draw
        self.action = action
        self.now = now
    }

    var command: String { "draw.\(action.rawValue)" }
    var draw: DrawID? { summary.draw }
    private var name: String { summary.draw.name }
    private var title: String { "\(action.title): \(name)" }

    var page: Page { page([:], "") }

    func page(_ form: Form, failure: String) -> Page {
        page(form.fields, "<p class=\"failed\" role=\"alert\">\(failure)</p>")
    }

    func page(done: String) -> Page {
        Page(
            title: title,
            body: """
                <h1>\(title)</h1>
                <p class="done">Done: \(done).</p>
                <p><a href="/draws/\(name)">To the draw</a> · <a href="/">To all draws</a></p>
                """,
            now: now)
    }

    private func page(_ filled: [String: String], _ message: HTML) -> Page {
        let isPossible = DrawAction.possible(for: summary.state).contains(action)
        let warning: HTML =
            isPossible
            ? "" : "<p class=\"failed\">The draw is \(summary.state.rawValue), so bet-ingest will reject this.</p>"
        return Page(
            title: title,
            body: """
                <h1>\(title)</h1>
                \(message)\(warning)\(action.consequences(summary))
                <form class="action" method="post" action="/draws/\(name)/\(action.rawValue)">
                \(action.fields(summary, filled))
                \(Page.tokenField)
                <button class="commit">\(action.title)</button>
                </form>
                <p><a href="/draws/\(name)">Back to the draw, without doing anything</a></p>
                """,
            now: now)
    }
}

extension Page {
    /// The operator's token, which a browser may keep as a password, and the number of the form.
    static var tokenField: HTML {
        """
        <input type="hidden" name="form" value="\(FormNumbers.make())"><label>Operator’s token <input type="password" name="token" required autocomplete="current-password"></label>
        """
    }

    /// A page that says what is wrong, with a way back.
    static func fault(_ title: String, _ sentence: String, now: Instant) -> Page {
        Page(
            title: title, body: "<h1>\(title)</h1>\n<p>\(sentence)</p>\n<p><a href=\"/\">To all draws</a></p>", now: now
        )
    }
}

/// The page that opens a draw outside the calendar.
struct OpenPage: FormPage {
    let now: Instant

    var command: String { "draw.open" }
    var draw: DrawID? { nil }

    /// The request that the form describes.
    ///
    /// - Throws: ``FormFault`` with what is expected of which field.
    static func request(_ form: [String: String]) throws(FormFault) -> ControlRequest {
        let name = form["name"] ?? ""
        guard let draw = DrawID(name) else {
            throw FormFault(
                "The name is “\(name)”; 1 to \(Limits.maxDrawNameBytes) letters, digits, - or _ are expected.")
        }
        guard let source = DrawTerms.NumberSource(rawValue: form["number"] ?? "") else {
            throw FormFault("The source of the number is entered or configured.")
        }
        let text = form["time"] ?? ""
        let cutOff = text.isEmpty ? nil : try LocalTime.instant(text)
        return .open(draw, cutOff: cutOff, number: source)
    }

    var page: Page { page([:], "") }

    func page(_ form: Form, failure: String) -> Page {
        page(form.fields, "<p class=\"failed\" role=\"alert\">\(failure)</p>")
    }

    func page(done: String) -> Page {
        Page(
            title: "Open a draw",
            body: """
                <h1>Open a draw</h1>
                <p class="done">Done: \(done).</p>
                <p><a href="/">To all draws</a></p>
                """,
            now: now)
    }

    private func page(_ filled: [String: String], _ message: HTML) -> Page {
        Page(
            title: "Open a draw",
            body: """
                <h1>Open a draw</h1>
                \(message)<p>A draw outside the calendar takes bets at once, of the agencies that the service expects now.</p>
                <form class="action" method="post" action="/open">
                <label>Name <input name="name" required maxlength="\(Limits.maxDrawNameBytes)" autocomplete="off" \
                value="\(filled["name"] ?? "")"></label>
                <label>Cut-off, \(LocalTime.zone(now)); empty: when all have finished \
                <input type="datetime-local" name="time" step="1" value="\(filled["time"] ?? "")"></label>
                <label>Number <select name="number"><option value="entered">entered after the seal</option>\
                <option value="configured">that of the configuration</option></select></label>
                \(Page.tokenField)
                <button class="commit">Open the draw</button>
                </form>
                <p><a href="/">Back, without doing anything</a></p>
                """,
            now: now)
    }
}
