import Ledger
import Platform
import Shell
private import Yams

/// A `calendar.yaml`, read strictly: every fault with its line.
struct CalendarFile {
    private var yaml: StrictYAML

    /// Reads a calendar.
    ///
    /// - Throws: ``ConfigurationError`` with all faults of the file.
    static func read(path: String, text: String) throws(ConfigurationError) -> DrawCalendar {
        var file = CalendarFile(path: path)
        let calendar = file.calendar(text)
        try file.yaml.finish()
        guard let calendar else { throw ConfigurationError(["\(path): no calendar"]) }
        return calendar
    }

    private init(path: String) {
        yaml = StrictYAML(path: path)
    }

    private mutating func calendar(_ text: String) -> DrawCalendar? {
        guard let root = yaml.root(text),
            let fields = yaml.fields(root, "the top level", ["timeZone", "openDays", "draws", "exceptions"])
        else { return nil }
        let zone = yaml.required(root, fields, "timeZone") { $0 }
        let openDays = yaml.value(fields["openDays"], "openDays", "a number from 0 to 7") { text in
            Int(text).flatMap { (0...7).contains($0) ? $0 : nil }
        }
        let rules = rules(root, fields["draws"])
        let exceptions = exceptions(fields["exceptions"], draws: names(fields["draws"]), rules)
        guard let zone else { return nil }
        return DrawCalendar(timeZone: zone, openDays: openDays ?? 0, rules: rules, exceptions: exceptions)
    }

    // MARK: Draws

    /// Includes the names of faulty draws.
    private func names(_ node: Node?) -> Set<String> {
        guard case .mapping(let mapping)? = node else { return [] }
        return Set(mapping.compactMap(\.key.string))
    }

    private mutating func rules(_ root: Node, _ node: Node?) -> [DrawCalendar.Rule] {
        guard case .mapping(let mapping)? = node, !mapping.isEmpty else {
            let expected = "names of draws, each with days, opens, closes and number, are expected"
            yaml.fault(
                node ?? root, node == nil ? "draws is missing; \(expected)" : "draws is empty or not keys; \(expected)")
            return []
        }
        return mapping.compactMap { key, value in
            let name = key.string ?? ""
            guard (1...40).contains(name.utf8.count),
                name.utf8.allSatisfy({ (0x61...0x7A).contains($0) || (0x30...0x39).contains($0) || $0 == 0x2D })
            else {
                yaml.fault(key, "the draw's name is \"\(name)\"; 1 to 40 characters of a-z, 0-9 and - are expected")
                return nil
            }
            return rule(name, value)
        }
    }

    private mutating func rule(_ name: String, _ node: Node) -> DrawCalendar.Rule? {
        let weekdays = Weekday.allCases.map { "\($0)" }
        guard let fields = yaml.fields(node, "draws.\(name)", ["days", "opens", "closes", "number"] + weekdays) else {
            return nil
        }
        let days = yaml.required(node, fields, "days", expected: "weekdays such as mon-sat or sat,sun") {
            Weekday.days($0)
        }
        let opens = yaml.required(node, fields, "opens", expected: "hh:mm") { TimeOfDay($0) }
        let closes = yaml.required(node, fields, "closes", expected: "hh:mm") { TimeOfDay($0) }
        let numbers = DrawTerms.NumberSource.allCases.map(\.rawValue).joined(separator: " or ")
        let number = yaml.required(node, fields, "number", expected: numbers) { DrawTerms.NumberSource(rawValue: $0) }
        guard let days, let opens, let closes, let number else { return nil }
        var rule = DrawCalendar.Rule(
            name: name, days: days, times: DrawCalendar.Times(opens: opens, closes: closes), number: number)
        for weekday in Weekday.allCases {
            guard let node = fields["\(weekday)"] else { continue }
            if !days.contains(weekday) { yaml.fault(node, "draws.\(name) is not drawn on \(weekday)") }
            guard let times = yaml.fields(node, "draws.\(name).\(weekday)", ["opens", "closes"]) else { continue }
            rule.timesOfDay[weekday] = DrawCalendar.Times(
                opens: yaml.value(times["opens"], "opens", "hh:mm") { TimeOfDay($0) } ?? opens,
                closes: yaml.value(times["closes"], "closes", "hh:mm") { TimeOfDay($0) } ?? closes)
        }
        return rule
    }

    // MARK: Exceptions

    private mutating func exceptions(
        _ node: Node?, draws: Set<String>, _ rules: [DrawCalendar.Rule]
    ) -> [DrawCalendar.Exception] {
        guard let node else { return [] }
        guard case .sequence(let sequence) = node else {
            yaml.fault(node, "exceptions must be a list")
            return []
        }
        return sequence.compactMap { node in
            let exception = exception(node, draws: draws)
            if let exception { check(exception, node, rules) }
            return exception
        }
    }

    /// A date without a draw is more likely a mistake than an exception.
    private mutating func check(_ exception: DrawCalendar.Exception, _ node: Node, _ rules: [DrawCalendar.Rule]) {
        let weekday = exception.date.weekday
        let concerned = rules.filter { exception.draw == nil || exception.draw == $0.name }
        guard !concerned.isEmpty, !concerned.contains(where: { $0.days.contains(weekday) }) else { return }
        yaml.fault(
            node,
            "\(exception.date) is a \(weekday), on which \(exception.draw ?? "no draw") is\(exception.draw == nil ? "" : " not") drawn"
        )
    }

    private mutating func exception(_ node: Node, draws: Set<String>) -> DrawCalendar.Exception? {
        let keys = ["date", "draw", "cancelled", "opens", "closes", "declared", "by", "reason"]
        guard let fields = yaml.fields(node, "an exception", keys) else { return nil }
        let date = yaml.required(node, fields, "date", expected: "yyyy-mm-dd") { CalendarDay($0) }
        let draw = yaml.required(
            node, fields, "draw", expected: "all or one of \(draws.sorted().joined(separator: ", "))"
        ) {
            $0 == "all" || draws.contains($0) ? $0 : nil
        }
        let cancelled = yaml.value(fields["cancelled"], "cancelled", "true") { $0 == "true" ? true : nil } ?? false
        let opens = yaml.value(fields["opens"], "opens", "hh:mm") { TimeOfDay($0) }
        let closes = yaml.value(fields["closes"], "closes", "hh:mm") { TimeOfDay($0) }
        if cancelled == (fields["opens"] != nil || fields["closes"] != nil) {
            yaml.fault(node, "an exception is either cancelled: true, or has opens or closes")
        }
        let declared = yaml.required(node, fields, "declared", expected: "yyyy-mm-dd") { CalendarDay($0) }
        let by = yaml.required(node, fields, "by", expected: "who declared it") { $0.isEmpty ? nil : $0 }
        let reason = yaml.required(node, fields, "reason", expected: "a reason") { $0.isEmpty ? nil : $0 }
        guard let date, let draw, let declared, let by, let reason else { return nil }
        return DrawCalendar.Exception(
            date: date, draw: draw == "all" ? nil : draw, isCancelled: cancelled, opens: opens, closes: closes,
            declared: declared, by: by, reason: reason)
    }
}
