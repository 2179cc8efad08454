import Ledger
import Shell
private import Yams

/// A `calendar.yaml`, read strictly: every fault with its line.
struct CalendarFile {
    private let path: String
    private var faults: [String] = []

    /// Reads a calendar.
    ///
    /// - Throws: ``ConfigurationError`` with all faults of the file.
    static func read(path: String, text: String) throws(ConfigurationError) -> DrawCalendar {
        var file = CalendarFile(path: path)
        let calendar = file.calendar(text)
        guard file.faults.isEmpty, let calendar else { throw ConfigurationError(file.faults) }
        return calendar
    }

    private init(path: String) {
        self.path = path
    }

    private mutating func fault(_ node: Node?, _ text: String) {
        faults.append("\(path)\(node?.mark.map { ":\($0.line)" } ?? ""): \(text)")
    }

    private mutating func calendar(_ text: String) -> DrawCalendar? {
        let root: Node?
        do {
            root = try Yams.compose(yaml: text, .basic)
        } catch {
            faults.append("\(path): \(error)")
            return nil
        }
        guard let root, let fields = fields(root, "the top level", ["timeZone", "openDays", "draws", "exceptions"])
        else {
            if root == nil { faults.append("\(path): the file is empty") }
            return nil
        }
        let zone = required(root, fields, "timeZone") { $0 }
        let openDays = value(fields["openDays"], "openDays", "a number from 0 to 7") { text in
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
            fault(
                node ?? root, node == nil ? "draws is missing; \(expected)" : "draws is empty or not keys; \(expected)")
            return []
        }
        return mapping.compactMap { key, value in
            let name = key.string ?? ""
            guard (1...40).contains(name.utf8.count),
                name.utf8.allSatisfy({ (0x61...0x7A).contains($0) || (0x30...0x39).contains($0) || $0 == 0x2D })
            else {
                fault(key, "the draw's name is \"\(name)\"; 1 to 40 characters of a-z, 0-9 and - are expected")
                return nil
            }
            return rule(name, value)
        }
    }

    private mutating func rule(_ name: String, _ node: Node) -> DrawCalendar.Rule? {
        let weekdays = Weekday.allCases.map { "\($0)" }
        guard let fields = fields(node, "draws.\(name)", ["days", "opens", "closes", "number"] + weekdays) else {
            return nil
        }
        let days = required(node, fields, "days", expected: "weekdays such as mon-sat or sat,sun") { Weekday.days($0) }
        let opens = required(node, fields, "opens", expected: "hh:mm") { TimeOfDay($0) }
        let closes = required(node, fields, "closes", expected: "hh:mm") { TimeOfDay($0) }
        let numbers = DrawTerms.NumberSource.allCases.map(\.rawValue).joined(separator: " or ")
        let number = required(node, fields, "number", expected: numbers) { DrawTerms.NumberSource(rawValue: $0) }
        guard let days, let opens, let closes, let number else { return nil }
        var rule = DrawCalendar.Rule(
            name: name, days: days, times: DrawCalendar.Times(opens: opens, closes: closes), number: number)
        for weekday in Weekday.allCases {
            guard let node = fields["\(weekday)"] else { continue }
            if !days.contains(weekday) { fault(node, "draws.\(name) is not drawn on \(weekday)") }
            guard let times = self.fields(node, "draws.\(name).\(weekday)", ["opens", "closes"]) else { continue }
            rule.timesOfDay[weekday] = DrawCalendar.Times(
                opens: value(times["opens"], "opens", "hh:mm") { TimeOfDay($0) } ?? opens,
                closes: value(times["closes"], "closes", "hh:mm") { TimeOfDay($0) } ?? closes)
        }
        return rule
    }

    // MARK: Exceptions

    private mutating func exceptions(
        _ node: Node?, draws: Set<String>, _ rules: [DrawCalendar.Rule]
    ) -> [DrawCalendar.Exception] {
        guard let node else { return [] }
        guard case .sequence(let sequence) = node else {
            fault(node, "exceptions must be a list")
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
        fault(
            node,
            "\(exception.date) is a \(weekday), on which \(exception.draw ?? "no draw") is\(exception.draw == nil ? "" : " not") drawn"
        )
    }

    private mutating func exception(_ node: Node, draws: Set<String>) -> DrawCalendar.Exception? {
        let keys = ["date", "draw", "cancelled", "opens", "closes", "declared", "by", "reason"]
        guard let fields = fields(node, "an exception", keys) else { return nil }
        let date = required(node, fields, "date", expected: "yyyy-mm-dd") { CalendarDay($0) }
        let draw = required(node, fields, "draw", expected: "all or one of \(draws.sorted().joined(separator: ", "))") {
            $0 == "all" || draws.contains($0) ? $0 : nil
        }
        let cancelled = value(fields["cancelled"], "cancelled", "true") { $0 == "true" ? true : nil } ?? false
        let opens = value(fields["opens"], "opens", "hh:mm") { TimeOfDay($0) }
        let closes = value(fields["closes"], "closes", "hh:mm") { TimeOfDay($0) }
        if cancelled == (fields["opens"] != nil || fields["closes"] != nil) {
            fault(node, "an exception is either cancelled: true, or has opens or closes")
        }
        let declared = required(node, fields, "declared", expected: "yyyy-mm-dd") { CalendarDay($0) }
        let by = required(node, fields, "by", expected: "who declared it") { $0.isEmpty ? nil : $0 }
        let reason = required(node, fields, "reason", expected: "a reason") { $0.isEmpty ? nil : $0 }
        guard let date, let draw, let declared, let by, let reason else { return nil }
        return DrawCalendar.Exception(
            date: date, draw: draw == "all" ? nil : draw, isCancelled: cancelled, opens: opens, closes: closes,
            declared: declared, by: by, reason: reason)
    }

    // MARK: Nodes

    /// Nil, with a fault, if the node is not a mapping.
    private mutating func fields(_ node: Node, _ place: String, _ keys: [String]) -> [String: Node]? {
        guard case .mapping(let mapping) = node else {
            fault(node, "\(place) must be keys with values: \(keys.joined(separator: ", "))")
            return nil
        }
        var fields: [String: Node] = [:]
        for (key, value) in mapping {
            let name = key.string ?? ""
            if !keys.contains(name) {
                fault(key, "unknown key \(name) in \(place); one of \(keys.joined(separator: ", ")) is expected")
            } else if fields.updateValue(value, forKey: name) != nil {
                fault(key, "\(name) is in \(place) twice")
            }
        }
        return fields
    }

    private mutating func required<Value>(
        _ node: Node, _ fields: [String: Node], _ key: String, expected: String = "a value",
        _ read: (String) -> Value?
    ) -> Value? {
        if fields[key] == nil { fault(node, "\(key) is missing; \(expected) is expected") }
        return value(fields[key], key, expected, read)
    }

    /// Nil for a missing node, and, with a fault, for a value that cannot be read.
    private mutating func value<Value>(
        _ node: Node?, _ key: String, _ expected: String, _ read: (String) -> Value?
    ) -> Value? {
        guard let node else { return nil }
        guard case .scalar(let scalar) = node, let value = read(scalar.string) else {
            fault(node, "\(key) is \"\(node.string ?? "a list or keys")\"; \(expected) is expected")
            return nil
        }
        return value
    }
}
