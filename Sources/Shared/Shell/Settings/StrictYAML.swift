package import Yams

/// Reads a file of YAML strictly, and collects every fault with its line.
package struct StrictYAML {
    private let path: String
    private var faults: [String] = []

    package init(path: String) {
        self.path = path
    }

    /// Ends the reading.
    ///
    /// - Throws: ``ConfigurationError`` with all faults of the file.
    package func finish() throws(ConfigurationError) {
        if !faults.isEmpty { throw ConfigurationError(faults) }
    }

    package mutating func fault(_ node: Node?, _ text: String) {
        faults.append("\(path)\(node?.mark.map { ":\($0.line)" } ?? ""): \(text)")
    }

    /// Nil, with a fault, if the text is empty or not YAML.
    package mutating func root(_ text: String) -> Node? {
        do {
            if let root = try Yams.compose(yaml: text, .basic) { return root }
            faults.append("\(path): the file is empty")
        } catch {
            faults.append("\(path): \(error)")
        }
        return nil
    }

    /// Nil, with a fault, if the node is not a mapping.
    package mutating func fields(_ node: Node, _ place: String, _ keys: [String]) -> [String: Node]? {
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

    package mutating func required<Value>(
        _ node: Node, _ fields: [String: Node], _ key: String, expected: String = "a value",
        _ read: (String) -> Value?
    ) -> Value? {
        if fields[key] == nil { fault(node, "\(key) is missing; \(expected) is expected") }
        return value(fields[key], key, expected, read)
    }

    /// Nil for a missing node, and, with a fault, for a value that cannot be read.
    package mutating func value<Value>(
        _ node: Node?, _ key: String, _ expected: String, _ read: (String) -> Value?
    ) -> Value? {
        guard let node else { return nil }
        guard case .scalar(let scalar) = node, let value = read(scalar.string) else {
            fault(node, "\(key) is \"\(node.string ?? "a list or keys")\"; \(expected) is expected")
            return nil
        }
        return value
    }

    /// Reads a list of values; empty for a missing node, and, with faults, for values that cannot be read.
    package mutating func list<Value>(
        _ node: Node?, _ key: String, _ expected: String, _ read: (String) -> Value?
    ) -> [Value] {
        guard let node else { return [] }
        guard case .sequence(let sequence) = node else {
            fault(node, "\(key) must be a list: [\(expected)]")
            return []
        }
        return sequence.compactMap { value($0, "a value of \(key)", expected, read) }
    }
}
