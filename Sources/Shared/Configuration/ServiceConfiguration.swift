private import Configuration
package import Logging

/// The configuration of all three programs, checked.
package struct ServiceConfiguration: Sendable {
    package struct Ingest: Sendable {
        package var listen: Endpoint
        package var address: Endpoint
        package var workers: Int
        /// Chunks that a connection may have unacknowledged.
        package var window: Int
        /// Connections that are served at once.
        ///
        /// A connection stands in the queue at most once, so the queue of this capacity never overflows.
        package var queueCapacity: Int
        /// Of them, from one address.
        package var maxPerAddress: Int
        package var maxFrameBytes: Int
        /// Bytes of frames in memory, over all connections.
        package var bufferBytes: Int
        package var helloDeadline: Duration
        package var frameDeadline: Duration
        package var idleDeadline: Duration
    }

    package struct Winners: Sendable {
        package var listen: Endpoint
        package var address: Endpoint
        package var maxConnections: Int
        /// Of them, from one address.
        package var maxPerAddress: Int
    }

    package struct Retry: Sendable {
        package var initial: Duration
        package var max: Duration
        /// How long an agency tries without an answer of the service.
        package var deadline: Duration
        /// How long an agency waits for the draw.
        package var drawDeadline: Duration
    }

    /// A port for agencies of a dialect.
    package struct DialectPort: Sendable {
        /// The key below `dialects`.
        package var name: String
        package var endpoint: Endpoint
        package var dialect: any Dialect
        /// It is opened by winners-service.
        package var isWinners: Bool
    }

    package var agencies: UInt32
    package var draw: DrawID
    package var winningNumber: UInt16
    package var ingest: Ingest
    package var winners: Winners
    /// The ports that are switched on.
    package var dialects: [DialectPort]
    package var maxChunkBets: Int
    /// The whole frame, its length field included.
    package var maxChunkBytes: Int
    package var retry: Retry
    package var agency: AgencyID
    /// With `{id}` replaced.
    package var agencyFile: String
    package var data: String
    package var logLevel: Logger.Level
    package var logFormat: LogFormat
    /// Every key with the value in force, for the log.
    package var values: [(String, String)]

    package var folder: DrawFolder { DrawFolder(data: data, draw: draw) }

    /// Merges the sources and checks every value: flags over environment over file over defaults.
    ///
    /// - Parameters:
    ///   - flags: values by key, as `--set` and its shorthands gave them.
    ///   - environment: `QUINIELA_INGEST_WORKERS` for `ingest.workers`, and the course's names.
    /// - Throws: ``ConfigurationError`` with every fault there is.
    package init(
        flags: [String: String], environment: [String: String], file: ConfigurationFile?
    ) throws(ConfigurationError) {
        var source = ConfigurationSource(flags: flags, environment: environment, file: file)
        agencies = UInt32(source.integer("agencies"))
        draw = source.parsed("draw.id", DrawID.init)
        winningNumber = UInt16(source.integer("draw.winningNumber"))
        ingest = Ingest(
            listen: source.parsed("ingest.listen", Endpoint.init),
            address: source.parsed("ingest.address", Endpoint.init),
            workers: source.integer("ingest.workers"),
            window: source.integer("ingest.window"),
            queueCapacity: source.integer("ingest.queueCapacity"),
            maxPerAddress: source.integer("ingest.maxPerAddress"),
            maxFrameBytes: source.integer("ingest.maxFrameBytes"),
            bufferBytes: source.integer("ingest.bufferBytes"),
            helloDeadline: .seconds(source.integer("ingest.helloSeconds")),
            frameDeadline: .seconds(source.integer("ingest.frameSeconds")),
            idleDeadline: .seconds(source.integer("ingest.idleSeconds")))
        winners = Winners(
            listen: source.parsed("winners.listen", Endpoint.init),
            address: source.parsed("winners.address", Endpoint.init),
            maxConnections: source.integer("winners.maxConnections"),
            maxPerAddress: source.integer("winners.maxPerAddress"))
        dialects = []
        for port in Dialects.ports {
            let endpoint = source.parsed("dialects.\(port.key)") { Optional(Endpoint($0)) }
            guard let endpoint else { continue }
            dialects.append(
                DialectPort(name: port.key, endpoint: endpoint, dialect: port.dialect, isWinners: port.isWinners))
        }
        maxChunkBets = source.integer("batch.maxAmount")
        maxChunkBytes = source.integer("batch.maxBytes")
        retry = Retry(
            initial: .milliseconds(source.integer("retry.initialMilliseconds")),
            max: .milliseconds(source.integer("retry.maxMilliseconds")),
            deadline: .seconds(source.integer("retry.deadlineSeconds")),
            drawDeadline: .seconds(source.integer("retry.drawSeconds")))
        agency = AgencyID(UInt32(source.integer("agency.id")))
        agencyFile = source.text("agency.file").replacing("{id}", with: String(agency.rawValue))
        data = source.text("data")
        logLevel = source.parsed("log.level", Logger.Level.init(courseName:))
        logFormat = source.parsed("log.format") { LogFormat(rawValue: $0.lowercased()) }
        values = source.values
        if !source.faults.isEmpty { throw ConfigurationError(source.faults) }
    }
}

/// Looks keys up in the sources, remembers what was wrong, and goes on with the default.
private struct ConfigurationSource {
    var faults: [String]
    var values: [(String, String)] = []
    private let file: ConfigurationFile?
    private let flags: InMemoryProvider
    private let environment: KeyMappingProvider<EnvironmentVariablesProvider>
    private let variables: [String: String]

    /// Variables with our prefix that are no configuration: the demo's and the tests' own.
    private static let otherVariables: Set<String> = [
        "QUINIELA_CONFIG", "QUINIELA_CONTAINERS", "QUINIELA_DATASET", "QUINIELA_STRICT",
    ]

    init(flags: [String: String], environment: [String: String], file: ConfigurationFile?) {
        self.file = file
        variables = environment
        var named: [AbsoluteConfigKey: ConfigValue] = [:]
        faults = file?.faults ?? []
        for (path, value) in flags {
            named[AbsoluteConfigKey(path.split(separator: ".").map(String.init))] = ConfigValue(
                .string(value), isSecret: false)
            if !ConfigurationKey.all.contains(where: { $0.path == path }) {
                faults.append(
                    "--set \(path): unknown key\(ConfigurationFile.suggestion(for: path))")
            }
        }
        self.flags = InMemoryProvider(name: "flags", values: named)
        let provider = EnvironmentVariablesProvider(environmentVariables: environment)
        self.environment = provider.prefixKeys(with: "quiniela")
        reportUnknownVariables()
    }

    func text(_ path: String) -> String {
        find(path).value
    }

    mutating func integer(_ path: String) -> Int {
        parsed(path, Int.init)
    }

    /// The value of a key, checked and parsed; its default after a fault.
    mutating func parsed<Value>(_ path: String, _ parse: (String) -> Value?) -> Value {
        let key = key(path)
        let found = find(path)
        values.append((path, found.value))
        if key.accepts(found.value), let value = parse(found.value) { return value }
        faults.append(
            "\(found.place): \(path) is \"\(found.value)\"; \(key.range) is expected")
        guard let value = parse(key.defaultText) else {
            preconditionFailure("the default of \(path) is not valid")
        }
        return value
    }

    private func key(_ path: String) -> ConfigurationKey {
        guard let key = ConfigurationKey.all.first(where: { $0.path == path }) else {
            preconditionFailure("\(path) is not in ConfigurationKey.all")
        }
        return key
    }

    private func find(_ path: String) -> (value: String, place: String) {
        let key = key(path)
        let lookup = AbsoluteConfigKey(key.components)
        if let value = string(from: flags, lookup)?.value { return (value, "--set") }
        if let (value, name) = string(from: environment, lookup) { return (value, name) }
        for alias in key.aliases {
            if let value = variables[alias] { return (value, alias) }
        }
        if let entry = file?.entries[path] {
            return (entry.value, "\(file?.path ?? ""):\(entry.line)")
        }
        return (key.defaultText, "default")
    }

    private func string(
        from provider: some ConfigProvider, _ key: AbsoluteConfigKey
    ) -> (value: String, name: String)? {
        guard let result = try? provider.value(forKey: key, type: .string),
            case .string(let value)? = result.value?.content
        else { return nil }
        return (value, result.encodedKey)
    }

    private mutating func reportUnknownVariables() {
        var known = Self.otherVariables
        for key in ConfigurationKey.all {
            let lookup = AbsoluteConfigKey(key.components)
            if let name = try? environment.value(forKey: lookup, type: .string).encodedKey {
                known.insert(name)
            }
        }
        for name in variables.keys.sorted() where name.hasPrefix("QUINIELA_") {
            if !known.contains(name) {
                faults.append("\(name): no key has this environment variable; see docs/operations.md")
            }
        }
    }
}
