private import Yams

/// A `config.yaml` as keys and values, each with its line.
package struct ConfigurationFile: Sendable {
    package struct Entry: Sendable {
        package var value: String
        package var line: Int
    }

    package let path: String
    package private(set) var entries: [String: Entry] = [:]
    /// What is wrong with the file itself: unknown keys, values that are no scalars, lines that are no YAML.
    package private(set) var faults: [String] = []

    package init(path: String, text: String) {
        self.path = path
        do {
            guard let root = try Yams.compose(yaml: text, .basic) else { return }
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
            if ConfigurationKey.all.contains(where: { $0.path == name }) {
                guard case .scalar(let scalar) = value else {
                    faults.append("\(path):\(line(value)): \(name) must be one value")
                    continue
                }
                entries[name] = Entry(value: scalar.string, line: line(value))
            } else if ConfigurationKey.all.contains(where: { $0.path.hasPrefix(name + ".") }) {
                read(value, prefix: name)
            } else {
                faults.append("\(path):\(line(key)): unknown key \(name)\(Self.suggestion(for: name))")
            }
        }
    }

    private func line(_ node: Node) -> Int {
        node.mark?.line ?? 0
    }

    /// `; did you mean …?` where a known key is like the unknown one.
    static func suggestion(for name: String) -> String {
        let wanted = name.lowercased()
        let closest = ConfigurationKey.all.map(\.path).min { left, right in
            distance(left.lowercased(), wanted) < distance(right.lowercased(), wanted)
        }
        guard let closest, distance(closest.lowercased(), wanted) <= 3 else {
            return "; the keys are in docs/operations.md"
        }
        return "; did you mean \(closest)?"
    }

    /// Levenshtein's distance.
    private static func distance(_ left: String, _ right: String) -> Int {
        let right = Array(right)
        var row = Array(0...right.count)
        for (index, character) in left.enumerated() {
            var diagonal = row[0]
            row[0] = index + 1
            for column in right.indices {
                let replaced = diagonal + (right[column] == character ? 0 : 1)
                diagonal = row[column + 1]
                row[column + 1] = min(replaced, row[column] + 1, diagonal + 1)
            }
        }
        return row[right.count]
    }
}
