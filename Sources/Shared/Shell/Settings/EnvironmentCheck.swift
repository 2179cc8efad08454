/// A check for environment variables that begin with `QUINIELA_` and set nothing.
///
/// A variable that could be meant for a key is a fault. Any other is a warning, because schedulers and scripts name
/// variables after the services that they run.
struct EnvironmentCheck {
    private(set) var faults: [String] = []
    private(set) var warnings: [String] = []

    /// Other variables with this prefix, of the programs, the tests and the build.
    private static let others = ["QUINIELA_CONFIG", "QUINIELA_DATASET", "QUINIELA_STRICT", "QUINIELA_VERSION"]

    init(_ environment: [String: String]) {
        let known = ConfigurationKey.all.map(\.variable) + Self.others
        for (name, value) in environment.sorted(by: { $0.key < $1.key }) where name.hasPrefix("QUINIELA_") {
            guard !known.contains(name), !Self.isOfKubernetes(name, value) else { continue }
            let meant = Self.keys(meantBy: name)
            if meant.isEmpty {
                warnings.append("\(name): no key has this environment variable; it is not used")
            } else {
                faults.append(
                    "\(name): no key has this environment variable; did you mean \(meant.joined(separator: " or "))?")
            }
        }
    }

    /// Returns the variables that an unknown one may be a misspelling of: those with the same ending apart from their
    /// section, or the closest one.
    private static func keys(meantBy name: String) -> [String] {
        let rest = name.dropFirst("QUINIELA_".count)
        let all = ConfigurationKey.all.map(\.variable)
        let withoutSection = ConfigurationKey.all.filter { key in
            key.path.contains(".") && key.variable == "QUINIELA_\(key.path.prefix { $0 != "." }.uppercased())_\(rest)"
        }
        if !withoutSection.isEmpty { return withoutSection.map(\.variable) }
        let joined = rest.filter { $0 != "_" }
        let sameLetters = all.filter { $0.filter { $0 != "_" }.hasSuffix(joined) }
        if joined.count >= 5, !sameLetters.isEmpty { return sameLetters }
        // The shorter the name, the likelier it is meant for something else.
        let limit = min(3, rest.count / 4)
        return (all + ["QUINIELA_CONFIG"]).closest(to: name, within: limit).map { [$0] } ?? []
    }

    /// Whether Kubernetes sets a variable for a service whose name begins with `quiniela`.
    private static func isOfKubernetes(_ name: String, _ value: String) -> Bool {
        if name.contains(#/^QUINIELA_([A-Z0-9_]+_)?SERVICE_(HOST|PORT(_[A-Z0-9_]+)?)$/#) { return true }
        if name.contains(#/^QUINIELA_([A-Z0-9_]+_)?PORT_[0-9]+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?$/#) { return true }
        return name.hasSuffix("_PORT") && value.contains("://")
    }
}
