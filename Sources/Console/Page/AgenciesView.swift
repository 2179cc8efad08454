import Control
import Domain
import Ledger

/// The agencies of a draw, a hundred rows at a time.
///
/// Pure.
struct AgenciesView {
    /// Nil until the service has been asked.
    let status: DrawStatus?
    /// Nil for a draw that bet-ingest does not have in use.
    var summary: DrawSummary?
    let query: PageQuery
    let path: String
    /// See ``Fragments/isLive``.
    var isLive = false

    struct Row {
        var agency: AgencyID
        /// Nil for an agency that has sent nothing.
        var sent: DrawStatus.Agency?

        var isFinished: Bool { sent?.finished == true }
    }

    /// The rows that pass the filter, in order.
    var rows: [Row] {
        guard let status else { return [] }
        let rows =
            status.agencies.map { Row(agency: $0.agency, sent: $0) }
            + (status.silent ?? []).map { Row(agency: $0, sent: nil) }
        return rows.filter(isShown).sorted(by: precedes)
    }

    private func isShown(_ row: Row) -> Bool {
        guard query.find.isEmpty || row.agency.description.hasPrefix(query.find) else { return false }
        return switch query.filter {
        case .all: true
        case .unfinished: !row.isFinished
        case .absent: row.sent?.chunks ?? 0 == 0
        case .finished: row.isFinished
        case .rejected: row.sent?.rejectedBets ?? 0 > 0
        case .late: row.sent?.lateBets ?? 0 > 0
        }
    }

    private func precedes(_ left: Row, _ right: Row) -> Bool {
        func key(_ row: Row) -> (Int, UInt64) {
            switch query.order {
            case .silent: (row.isFinished ? 1 : 0, row.sent?.lastChunk?.milliseconds ?? 0)
            case .agency: (0, 0)
            case .chunks: (0, .max - UInt64(row.sent?.chunks ?? 0))
            case .bets: (0, .max - (row.sent?.bets ?? 0))
            case .rejected: (0, .max - (row.sent?.rejectedBets ?? 0))
            case .late: (0, .max - UInt64(row.sent?.lateBets ?? 0))
            }
        }
        let (one, other) = (key(left), key(right))
        return (one.0, one.1, left.agency.rawValue) < (other.0, other.1, right.agency.rawValue)
    }

    var piece: HTML {
        guard let status else {
            return summary?.state == .planned
                ? "<p>The draw gets its agencies when it opens.</p>"
                : "<p>bet-ingest has not answered yet, so the agencies are not known.</p>"
        }
        let rows = rows
        let pages = max(1, (rows.count + PageQuery.rowsPerPage - 1) / PageQuery.rowsPerPage)
        let page = min(query.page, pages)
        let first = (page - 1) * PageQuery.rowsPerPage
        let shown = rows[first..<min(rows.count, first + PageQuery.rowsPerPage)]
        guard !shown.isEmpty else { return "<p>No agency of draw \(status.summary.draw.name) is \(filterText).</p>" }
        let hasCertificates = status.agencies.contains { $0.certificateEnd != nil }
        return """
            <div class="scroll"><table class="rows">
            <thead><tr>\(head("Agency", .agency, "row"))<th scope="col">State</th>\(head("Last chunk", .silent))\
            \(head("Chunks", .chunks))\(head("Bets", .bets))\(head("Rejected", .rejected))\(head("Late", .late))\
            \(hasCertificates ? "<th scope=\"col\">Certificate ends</th>" : "")</tr></thead>
            <tbody>\(shown.map { self.row($0, status, hasCertificates) })</tbody></table></div>
            \(footer(first, shown.count, rows.count, page, pages))\(unlisted(status))
            """
    }

    private var filterText: String {
        query.find.isEmpty ? query.filter.word : "\(query.filter.word) with a number that begins with \(query.find)"
    }

    private func head(_ title: String, _ order: PageQuery.Order, _ kind: String = "figure") -> HTML {
        let isCurrent = query.order == order
        let address = query.address(path) {
            $0.order = order
            $0.page = 1
        }
        // The longest silent and the lowest number come first; of everything else, the most.
        let ascends = order == .agency || order == .silent
        let sort: HTML = isCurrent ? " aria-sort=\"\(ascends ? "ascending" : "descending")\"" : ""
        return """
            <th scope="col" class="\(kind)"\(sort)><a href="\(address)#agencies-title">\(title)\(isCurrent ? ascends ? " ▴" : " ▾" : "")</a></th>
            """
    }

    private func row(_ row: Row, _ status: DrawStatus, _ hasCertificates: Bool) -> HTML {
        let sent = row.sent
        let end: HTML = hasCertificates ? "<td>\(sent?.certificateEnd.map(LocalTime.day) ?? "")</td>" : ""
        return """
            <tr><th scope="row" class="row"><a href="/agencies/\(row.agency.rawValue)">\(row.agency.rawValue)</a></th>\
            <td>\(Self.state(sent, isOver: status.summary.state != .open))</td>\
            <td class="figure break" data-unit="">\(age(sent?.lastChunk, status.now))</td>\
            <td class="figure" data-unit="chunks">\(Figure.grouped(sent?.chunks ?? 0))</td>\
            <td class="figure" data-unit="bets">\(Figure.grouped(sent?.bets ?? 0))</td>\
            <td class="figure" data-unit="rejected">\(Figure.grouped(sent?.rejectedBets ?? 0))</td>\
            <td class="figure" data-unit="late">\(Figure.grouped(sent?.lateBets ?? 0))</td>\(end)</tr>

            """
    }

    static func state(_ sent: DrawStatus.Agency?, isOver: Bool) -> HTML {
        let (shape, word, name) =
            if sent?.finished == true {
                ("■", "finished", "published")
            } else if sent?.chunks ?? 0 == 0 {
                ("○", isOver ? "absent" : "nothing yet", "planned")
            } else {
                ("◐", isOver ? "unfinished" : "sending", "sealed")
            }
        return "<span class=\"state \(name)\"><span aria-hidden=\"true\">\(shape)</span> \(word)</span>"
    }

    /// How long ago a chunk was; the page ticks it.
    private func age(_ last: Instant?, _ now: Instant) -> HTML {
        guard let last else { return "never" }
        let seconds = (Int(now.milliseconds) - Int(last.milliseconds)) / 1000
        return "<span data-since=\"\(last.milliseconds)\">\(isLive ? "" : Figure.span(seconds))</span> ago"
    }

    private func footer(_ first: Int, _ count: Int, _ all: Int, _ page: Int, _ pages: Int) -> HTML {
        func link(_ text: String, _ page: Int) -> HTML {
            "<a href=\"\(query.address(path) { $0.page = page })#agencies-title\">\(text)</a>"
        }
        let before: HTML = page > 1 ? "\(link("first", 1)) · \(link("previous", page - 1)) · " : ""
        let after: HTML = page < pages ? " · \(link("next", page + 1)) · \(link("last", pages))" : ""
        return """
            <p class="pages">\(before)\(Figure.grouped(first + 1)) to \(Figure.grouped(first + count)) of \
            \(Figure.grouped(all)) agencies\(after)</p>
            """
    }

    private func unlisted(_ status: DrawStatus) -> HTML {
        guard status.silent == nil else { return "" }
        let count = Int(status.summary.expectedAgencies) - status.agencies.count
        return
            "<p>\(Figure.grouped(count)) more agencies have sent nothing; a draw of this size does not list them.</p>"
    }
}
