import Control
import Domain
import Ledger

/// A command for a draw: its page, its fields, and its request to the service.
///
/// Pure.
enum DrawAction: String, CaseIterable, Sendable {
    case close
    case cutOff = "cut-off"
    case number
    case void

    /// The commands that a draw can take.
    static func possible(for state: DrawState) -> [DrawAction] {
        switch state {
        case .open: [.close, .cutOff, .void]
        case .sealed: [.number, .void]
        case .planned, .drawn, .published, .void: []
        }
    }

    var title: String {
        switch self {
        case .close: "Close the draw"
        case .cutOff: "Move the cut-off"
        case .number: "Enter the winning number"
        case .void: "Make the draw void"
        }
    }

    /// The request that a form describes.
    ///
    /// - Throws: ``FormFault`` with what is expected of which field.
    func request(_ draw: DrawSummary, _ form: [String: String]) throws(FormFault) -> ControlRequest {
        switch self {
        case .close:
            try confirm(draw, form)
            return .close(draw.draw)
        case .cutOff:
            return .moveCutOff(draw.draw, to: try LocalTime.instant(form["time"] ?? ""))
        case .number:
            let text = form["number"] ?? ""
            guard let number = UInt16(text), number <= Limits.maxNumber else {
                throw FormFault("The number is “\(text)”; 0 to \(Limits.maxNumber) is expected.")
            }
            return .enterNumber(draw.draw, number)
        case .void:
            try confirm(draw, form)
            let reason = form["reason"] ?? ""
            guard !reason.isEmpty, reason.utf8.count <= Limits.maxReasonBytes else {
                throw FormFault("A reason of 1 to \(Limits.maxReasonBytes) bytes is expected; agencies get it.")
            }
            return .makeVoid(draw.draw, reason: reason)
        }
    }

    /// Checks that the operator saw how many agencies are missing, and typed the draw's name.
    private func confirm(_ draw: DrawSummary, _ form: [String: String]) throws(FormFault) {
        guard form["seen"] == Self.seen(draw) else {
            throw FormFault(
                "The agencies have changed since the page was shown. The counts below are the present ones.")
        }
        guard form["name"] == draw.draw.name else {
            throw FormFault("The draw's name is “\(form["name"] ?? "")”; \(draw.draw.name) is expected.")
        }
    }

    /// The counts that the page states, in the form.
    static func seen(_ draw: DrawSummary) -> String {
        "\(draw.finishedAgencies)/\(draw.unfinishedAgencies)/\(draw.absentAgencies)"
    }

    /// The consequences of the command, with counts.
    func consequences(_ draw: DrawSummary) -> HTML {
        let (unfinished, absent) = (draw.unfinishedAgencies, max(0, draw.absentAgencies))
        switch self {
        case .close:
            return """
                <p>The draw takes no more bets from now on, and this cannot be taken back.</p>
                <ul><li><strong>\(Figure.grouped(draw.finishedAgencies))</strong> of \(Figure.grouped(draw.expectedAgencies)) \
                agencies have finished.</li>
                <li><strong>\(Figure.grouped(unfinished))</strong> have sent chunks and are not finished: their acknowledged bets \
                take part, the rest does not.</li>
                <li><strong>\(Figure.grouped(absent))</strong> have sent nothing.</li>
                <li><strong>\(Figure.grouped(draw.bets))</strong> bets are in the draw.</li></ul>
                """
        case .cutOff:
            let now: HTML =
                draw.cutOff.map { "Its cut-off is \(LocalTime.day($0)) \(LocalTime.clock($0)) \(LocalTime.zone($0))." }
                ?? "The draw has no cut-off."
            return """
                <p>\(now) At the new one the draw closes without those that have not finished: now \
                <strong>\(Figure.grouped(unfinished))</strong> are not finished and <strong>\(Figure.grouped(absent))</strong> of \
                \(Figure.grouped(draw.expectedAgencies)) agencies have sent nothing. Agencies that are connected learn a new one when they connect again; chunks are \
                accepted by the server’s clock.</p>
                """
        case .number:
            return """
                <p>\(Figure.grouped(draw.bets)) bets of \(Figure.grouped(draw.finishedAgencies)) finished and \
                \(Figure.grouped(unfinished)) unfinished agencies are sealed. The number is entered twice, and both entries \
                must agree; with <code>operators.fourEyes</code> one of them comes from another user, by \
                <code>bet-ingest draw number \(draw.draw.name)</code>.</p>
                """
        case .void:
            return """
                <p>The draw will not be drawn, and this cannot be taken back. <strong>\(Figure.grouped(draw.bets))</strong> bets of \
                <strong>\(Figure.grouped(draw.finishedAgencies + unfinished))</strong> agencies are listed for refunds; agencies that \
                ask get the reason.</p>
                """
        }
    }

    /// The fields of its form, besides the token.
    ///
    /// - Parameter filled: the fields of a form that is shown again.
    func fields(_ draw: DrawSummary, _ filled: [String: String]) -> HTML {
        let seen: HTML = "<input type=\"hidden\" name=\"seen\" value=\"\(Self.seen(draw))\">"
        let name: HTML = """
            <label>The draw’s name, to confirm <input name="name" required autocomplete="off"></label>
            """
        switch self {
        case .close: return "\(seen)\(name)"
        case .cutOff:
            return """
                <label>New cut-off, \(LocalTime.zone(LocalTime.now)) <input type="datetime-local" name="time" step="1" required value="\(filled["time"] ?? "")"></label>
                """
        case .number:
            return """
                <label>Number, 0 to 9999 <input name="number" inputmode="numeric" required autocomplete="off" size="6"></label>
                """
        case .void:
            return """
                \(seen)<label>Reason <input name="reason" required maxlength="\(Limits.maxReasonBytes)" value="\(filled["reason"] ?? "")"></label>\(name)
                """
        }
    }
}

/// The fault of a form, in a sentence.
struct FormFault: Error, Equatable {
    var sentence: String

    init(_ sentence: String) { self.sentence = sentence }
}
