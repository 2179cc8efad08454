import Platform

/// A lookup of keys in all sources, which collects faults and continues with the default.
struct ConfigurationSource {
    struct Found {
        var value: String
        /// The source: `config.yaml:12`, a variable, a flag or `default`.
        var place: String
    }

    var faults: [String]
    private(set) var warnings: [String]
    private(set) var found: [(path: String, Found)] = []
    private let file: ConfigurationFile?
    private let flags: [String: String]
    private let flagNames: [String: String]
    private let environment: [String: String]

    /// The course's variables with generic names; a value that is not valid here is meant for another program.
    private static let genericVariables: Set<String> = ["LOGGING_LEVEL", "SERVER_PORT"]

    /// - Parameter flagNames: the flags that gave the values of `flags`, by key; `--set` for the others.
    init(
        flags: [String: String], flagNames: [String: String], environment: [String: String], file: ConfigurationFile?
    ) {
        self.file = file
        self.flags = flags
        self.flagNames = flagNames
        self.environment = environment
        let check = EnvironmentCheck(environment)
        warnings = check.warnings
        faults = file?.faults ?? []
        for path in flags.keys.sorted() where !ConfigurationKey.all.contains(where: { $0.path == path }) {
            faults.append("--set \(path): unknown key\(ConfigurationFile.suggestion(for: path))")
        }
        faults += check.faults
    }

    mutating func integer(_ path: String) -> Int {
        parsed(path, Int.init)
    }

    /// The addresses of a service for agencies: `addresses`, or else `address`.
    mutating func addresses(_ service: String) -> [Endpoint] {
        let one = parsed("\(service).address", Endpoint.init)
        let several = parsed("\(service).addresses") { $0.isEmpty ? [] : Endpoint.list($0) }
        return several.isEmpty ? [one] : several
    }

    /// Returns a checked value; the default after a fault.
    mutating func parsed<Value>(_ path: String, _ parse: (String) -> Value?) -> Value {
        guard let key = ConfigurationKey.all.first(where: { $0.path == path }) else {
            preconditionFailure("\(path) is not in ConfigurationKey.all")
        }
        let found = find(key)
        self.found.append((path, found))
        if key.accepts(found.value), let value = parse(found.value) { return value }
        let value = if case .secret = key.kind { "not valid" } else { "\"\(found.value)\"" }
        faults.append("\(found.place): \(path) is \(value); \(key.range) is expected")
        guard let value = parse(key.defaultText) else {
            preconditionFailure("the default of \(path) is not valid")
        }
        return value
    }

    private mutating func find(_ key: ConfigurationKey) -> Found {
        if let value = flags[key.path] { return Found(value: value, place: flagNames[key.path] ?? "--set") }
        if let value = environment[key.variable] { return Found(value: value, place: key.variable) }
        for alias in key.aliases {
            guard let value = environment[alias] else { continue }
            guard Self.genericVariables.contains(alias), !key.accepts(value) else {
                return Found(value: value, place: alias)
            }
            warnings.append("\(alias) is \"\(value)\" and is not used for \(key.path): \(key.range) is expected")
        }
        let below = file?.entries[key.path].map { Found(value: $0.value, place: "\(file?.path ?? ""):\($0.line)") }
        let rest = below ?? Found(value: key.defaultText, place: "default")
        return key.path == "ingest.listen" ? withServerPort(rest) : rest
    }

    /// Applies the course's SERVER_PORT, which replaces the port of the address from file or default.
    private mutating func withServerPort(_ found: Found) -> Found {
        guard let text = environment["SERVER_PORT"], let endpoint = Endpoint(found.value) else { return found }
        guard let port = UInt16(text) else {
            // Kubernetes sets it to tcp://… for a service called `server`.
            if !text.contains("://") {
                warnings.append("SERVER_PORT is \"\(text)\" and is not used: a port number is expected")
            }
            return found
        }
        return Found(value: "\(Endpoint(host: endpoint.host, port: Int(port)))", place: "SERVER_PORT")
    }
}
