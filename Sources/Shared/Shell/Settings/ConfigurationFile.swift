private import Yams

/// A `config.yaml` as keys and values, each with its line.
package struct ConfigurationFile: Sendable {
    package struct Entry: Sendable {
        package var value: String
        package var line: Int
    }

    package let path: String
    package private(set) var entries: [String: Entry] = [:]
    /// Unknown keys, values other than scalars, invalid YAML.
    package private(set) var faults: [String] = []

    package init(path: String, text: String) {
        self.path = path
        do {
            guard let root = try Yams.compose(yaml: text, .basic), !Self.isNull(root) else { return }
            read(root, prefix: "")
        } catch let error as YamlError {
            faults.append("\(path): \(error)")
        } catch {
            faults.append("\(path): \(error)")
        }
    }

    private mutating func read(_ node: Node, prefix: String) {
        guard case .mapping(let mapping) = node else {
            let place = prefix.isEmpty ? "the file" : prefix
            faults.append("\(path):\(line(node)): \(place) must be keys with values")
            return
        }
        for (key, value) in mapping {
            let name = prefix.isEmpty ? key.string ?? "" : "\(prefix).\(key.string ?? "")"
            if let key = ConfigurationKey.all.first(where: { $0.path == name }) {
                read(value, of: key)
            } else if ConfigurationKey.all.contains(where: { $0.path.hasPrefix(name + ".") }) {
                // A section whose keys are all commented out counts as absent.
                if !Self.isNull(value) { read(value, prefix: name) }
            } else {
                faults.append("\(path):\(line(key)): unknown key \(name)\(Self.suggestion(for: name))")
            }
        }
    }

    private mutating func read(_ value: Node, of key: ConfigurationKey) {
        guard case .scalar(let scalar) = value else {
            faults.append("\(path):\(line(value)): \(key.path) must be one value")
            return
        }
        if key.isOptional {
            entries[key.path] = Entry(value: Self.isNull(value) ? "" : scalar.string, line: line(value))
        } else if Self.isNull(value) {
            let hint = scalar.string == "~" ? " (a lone ~ is YAML's null)" : ""
            faults.append("\(path):\(line(value)): \(key.path) has no value\(hint); \(key.range) is expected")
        } else {
            entries[key.path] = Entry(value: scalar.string, line: line(value))
        }
    }

    /// Whether a node is null: nothing, `~` or `null`, without quotes.
    private static func isNull(_ node: Node) -> Bool {
        guard case .scalar(let scalar) = node, scalar.style == .plain || scalar.style == .any else { return false }
        return ["", "~", "null", "Null", "NULL"].contains(scalar.string)
    }

    private func line(_ node: Node) -> Int {
        node.mark?.line ?? 0
    }

    /// Returns `; did you mean …?` if a known key is similar to the unknown one.
    static func suggestion(for name: String) -> String {
        let closest = ConfigurationKey.all.map(\.path).closest(to: name, within: 3)
        return closest.map { "; did you mean \($0)?" } ?? "; the keys are in docs/operations.md"
    }
}
