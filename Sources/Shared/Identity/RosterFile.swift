private import Dialects
internal import Domain
package import Shell
private import Yams

/// A `roster.yaml`, read strictly: every fault with its line.
package struct RosterFile {
    private var yaml: StrictYAML
    private static let keys = [
        "id", "name", "keys", "tokens", "addresses", "dialects", "enabled", "validFrom", "validTo",
    ]
    private static let digest = "sha256: and 64 hexadecimal digits"

    /// Reads a roster.
    ///
    /// - Throws: ``ConfigurationError`` with all faults of the file.
    package static func read(path: String, text: String) throws(ConfigurationError) -> Roster {
        var file = RosterFile(yaml: StrictYAML(path: path))
        let entries = file.entries(text)
        try file.yaml.finish()
        return Roster(entries)
    }

    private mutating func entries(_ text: String) -> [Roster.Entry] {
        guard let root = yaml.root(text), let fields = yaml.fields(root, "the top level", ["agencies"]) else {
            return []
        }
        guard case .sequence(let sequence)? = fields["agencies"], !sequence.isEmpty else {
            yaml.fault(fields["agencies"] ?? root, "agencies must be a list with at least one agency: - { id: 1, … }")
            return []
        }
        var entries: [Roster.Entry] = []
        var lines: [AgencyID: Int] = [:]
        for node in sequence {
            guard let entry = entry(node) else { continue }
            if let line = lines[entry.agency] {
                yaml.fault(node, "agency \(entry.agency) is in the roster twice; it is also in line \(line)")
            }
            lines[entry.agency] = node.mark?.line ?? 0
            entries.append(entry)
        }
        return entries
    }

    private mutating func entry(_ node: Node) -> Roster.Entry? {
        guard let fields = yaml.fields(node, "an agency", Self.keys) else { return nil }
        let highest = Limits.maxAgencies
        let agency = yaml.required(node, fields, "id", expected: "a number from 1 to \(highest)") { text in
            UInt32(text).flatMap { (1...highest).contains($0) ? AgencyID($0) : nil }
        }
        let dialects = Set(DialectRegistry.ports.map(\.key))
        let enabled = yaml.value(fields["enabled"], "enabled", "true or false") { ["true": true, "false": false][$0] }
        guard let agency else { return nil }
        return Roster.Entry(
            agency: agency, name: yaml.value(fields["name"], "name", "a name") { $0 } ?? "",
            keys: yaml.list(fields["keys"], "keys", Self.digest) { SecretDigest($0) },
            tokens: yaml.list(fields["tokens"], "tokens", Self.digest) { SecretDigest($0) },
            addresses: yaml.list(fields["addresses"], "addresses", "10.2.0.0/16 or 10.3.7.20") { AddressRange($0) },
            dialects: Set(
                yaml.list(fields["dialects"], "dialects", dialects.sorted().joined(separator: ", ")) {
                    dialects.contains($0) ? $0 : nil
                }),
            isEnabled: enabled ?? true, validFrom: date(fields["validFrom"], "validFrom"),
            validTo: date(fields["validTo"], "validTo"))
    }

    private mutating func date(_ node: Node?, _ key: String) -> Birthdate? {
        yaml.value(node, key, "yyyy-mm-dd") { text in
            let parts = text.split(separator: "-", omittingEmptySubsequences: false)
            guard parts.map(\.utf8.count) == [4, 2, 2], let packed = UInt32(parts.joined()) else { return nil }
            let date = Birthdate(packed: packed)
            return date.isCalendarDate ? date : nil
        }
    }
}
