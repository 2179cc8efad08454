import Domain

/// The query of the page's address: the draw, and which of its agencies are shown in which order.
///
/// Pure.
struct PageQuery: Sendable {
    enum Order: String, CaseIterable, Sendable {
        /// Unfinished before finished, and the longest silent first.
        case silent
        case agency
        case chunks
        case bets
        case rejected
        case late
    }

    enum Filter: String, CaseIterable, Sendable {
        case all, unfinished, absent, finished, rejected, late

        var word: String {
            switch self {
            case .all: "all"
            case .unfinished: "not finished"
            case .absent: "nothing sent"
            case .finished: "finished"
            case .rejected: "with rejected bets"
            case .late: "with late bets"
            }
        }
    }

    /// Nil: the first draw of the page.
    var draw: DrawID?
    var order = Order.silent
    var filter = Filter.all
    /// The digits that an agency's number begins with.
    var find = ""
    /// From 1.
    var page = 1

    static let rowsPerPage = 100

    init() {}

    /// Reads the values of an address; a value that is not valid is left at its default.
    init(_ value: (String) -> String?) {
        draw = value("draw").flatMap { DrawID($0) }
        order = value("order").flatMap(Order.init) ?? .silent
        filter = value("filter").flatMap(Filter.init) ?? .all
        find = String((value("find") ?? "").filter { $0.isASCII && $0.isNumber }.prefix(7))
        page = value("page").flatMap(Int.init).map { min(max(1, $0), 10_000) } ?? 1
    }

    /// The address of the page.
    ///
    /// - Parameter path: of the page, for example `/`.
    func address(_ path: String, _ change: (inout PageQuery) -> Void = { _ in }) -> String {
        var query = self
        change(&query)
        var values: [String] = []
        if let draw = query.draw { values.append("draw=\(draw.name)") }
        if query.order != .silent { values.append("order=\(query.order.rawValue)") }
        if query.filter != .all { values.append("filter=\(query.filter.rawValue)") }
        if !query.find.isEmpty { values.append("find=\(query.find)") }
        if query.page != 1 { values.append("page=\(query.page)") }
        return values.isEmpty ? path : "\(path)?\(values.joined(separator: "&"))"
    }
}
