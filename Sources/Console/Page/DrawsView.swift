import Domain
import Ledger

/// The draws, the next cut-off first.
struct DrawsView {
    let snapshot: Snapshot
    /// See ``Fragments/isLive``.
    var isLive = false

    var piece: HTML {
        guard !snapshot.draws.isEmpty else {
            return snapshot.ingest.lastAnswer == nil
                ? "<p>bet-ingest has not answered yet, so its draws are not known.</p>"
                : "<p>No draw is open or planned.</p>"
        }
        return """
            <div class="scroll"><table class="rows">
            <thead><tr><th scope="col">Draw</th><th scope="col">State</th><th scope="col">Cut-off</th>\
            <th scope="col" class="figure">Left</th><th scope="col">Agencies finished</th>\
            <th scope="col" class="figure">Bets</th><th scope="col" class="figure">Rejected</th>\
            <th scope="col" class="figure">Late</th></tr></thead>
            <tbody>\(snapshot.draws.map(row))</tbody></table></div>
            """
    }

    private func row(_ draw: DrawSummary) -> HTML {
        func count(_ number: some BinaryInteger) -> String { draw.state == .planned ? "" : Figure.grouped(number) }
        return """
            <tr><th scope="row"><a href="/draws/\(draw.draw.name)">\(draw.draw.name)</a></th><td>\(Self.state(draw.state))</td>\
            <td class="break">\(cutOff(draw))</td><td class="figure" data-unit="left">\(left(draw))</td>\
            <td class="break">\(Self.agencies(draw))</td>\
            <td class="figure" data-unit="bets">\(count(draw.bets))</td>\
            <td class="figure" data-unit="rejected">\(count(draw.rejectedBets))</td>\
            <td class="figure" data-unit="late">\(count(draw.lateBets))</td></tr>

            """
    }

    /// The state as a shape and a word.
    static func state(_ state: DrawState) -> HTML {
        let (shape, word) =
            switch state {
            case .planned: ("○", "planned")
            case .open: ("●", "open")
            case .sealed: ("◐", "waits for its number")
            case .drawn: ("◑", "being drawn")
            case .published: ("■", "published")
            case .void: ("✕", "void")
            }
        return """
            <span class="state \(state.rawValue)"><span aria-hidden="true">\(shape)</span> \(word)</span>
            """
    }

    private func cutOff(_ draw: DrawSummary) -> HTML {
        if draw.state == .planned, let opens = draw.opens {
            return "opens \(LocalTime.clock(opens, today: snapshot.time)) \(LocalTime.zone(opens))"
        }
        guard let cutOff = draw.cutOff else { return "when all have finished" }
        return "\(LocalTime.clock(cutOff, today: snapshot.time)) \(LocalTime.zone(cutOff))"
    }

    private func left(_ draw: DrawSummary) -> HTML {
        guard draw.state == .open, let cutOff = draw.cutOff else { return "" }
        let seconds = (Int(cutOff.milliseconds) - Int(snapshot.time.milliseconds)) / 1000
        return "<span data-until=\"\(cutOff.milliseconds)\">\(isLive ? "" : Figure.span(seconds))</span>"
    }

    static func agencies(_ draw: DrawSummary) -> HTML {
        if draw.state == .planned { return "" }
        let (finished, expected) = (draw.finishedAgencies, Int(draw.expectedAgencies))
        return """
            <meter min="0" max="\(max(1, expected))" value="\(finished)" aria-label="\(finished) of \(expected) agencies \
            have finished"></meter> \(Figure.grouped(finished)) of \(Figure.grouped(expected))
            """
    }
}
