package import Dialects
package import Domain
package import Ledger
package import Logging
package import Platform

/// The configuration of all programs, checked.
package struct ServiceConfiguration: Sendable {
    package struct Ingest: Sendable {
        package var listen: Endpoint
        /// The addresses that an agency tries, in this order; at least one.
        package var addresses: [Endpoint]
        /// Of each service; nil for one per two cores.
        package var loops: Int?
        package var workers: Int
        /// The maximum of unacknowledged chunks of a connection.
        package var window: Int
        /// The maximum of connections served at once.
        ///
        /// Each is queued at most once, so a queue of this capacity never overflows.
        package var queueCapacity: Int
        /// The maximum from one address.
        package var maxPerAddress: Int
        package var maxFrameBytes: Int
        /// The maximum bytes of frames in memory, over all connections.
        package var bufferBytes: Int
        package var helloDeadline: Duration
        package var frameDeadline: Duration
        package var idleDeadline: Duration
    }

    package struct Winners: Sendable {
        package var listen: Endpoint
        /// The addresses that an agency tries, in this order; at least one.
        package var addresses: [Endpoint]
        package var maxConnections: Int
        /// The maximum from one address.
        package var maxPerAddress: Int
        /// The published draws whose winners are open at a time.
        package var keptDraws: Int
    }

    /// The console: the operator's page.
    package struct Console: Sendable {
        package var listen: Endpoint
        /// The file with the operator's token.
        package var tokenFile: String
        /// On an address other than loopback.
        package var tls: TLS?
    }

    package struct Retry: Sendable {
        package var initial: Duration
        package var max: Duration
        /// How long an agency retries without an answer from the service.
        package var deadline: Duration
        /// How long an agency waits for the draw.
        package var drawDeadline: Duration
    }

    /// The users that may command the running service.
    package struct Operators: Sendable {
        /// Names of users, besides the service's own.
        package var users: [String]
        /// Whether the two entries of a number must come from two users.
        package var needFourEyes: Bool
    }

    /// A port for agencies of a dialect.
    package struct DialectPort: Sendable {
        /// The key below `dialects`.
        package var name: String
        package var endpoint: Endpoint
        package var dialect: any Dialect
        /// Whether winners-service opens it, and not bet-ingest.
        package var isWinners: Bool
    }

    package var agencies: UInt32
    package var draw: DrawID
    /// Whether `draw.id` was set rather than left at its default.
    package var isDrawChosen: Bool
    package var winningNumber: UInt16
    /// The source of the number of `draw.id`.
    package var numberSource: DrawTerms.NumberSource
    /// The path of the calendar that opens the draws; nil: the draw is `draw.id`.
    package var calendar: String?
    package var operators: Operators
    /// Nil: the ledger is a file.
    package var cluster: Cluster?
    /// The file that says which agencies exist and who may act for them; nil: anybody for the agencies 1 to `agencies`.
    package var roster: String?
    /// Nil: the ports are plain.
    package var tls: TLS?
    package var ingest: Ingest
    package var winners: Winners
    package var console: Console
    /// Those that are configured.
    package var dialects: [DialectPort]
    /// The draws to which dialects are bound, by the name of the dialect.
    package var dialectDraws: [String: DrawID]
    package var maxChunkBets: Int
    /// The maximum size of a whole frame, its length prefix included.
    package var maxChunkBytes: Int
    package var retry: Retry
    package var agency: AgencyID
    /// The path of the file, with `{id}` replaced.
    package var agencyFile: String
    /// The token in HELLO; empty: none.
    package var agencyToken: String
    package var agencyTokenFile: String?
    /// Nil: the agency connects without TLS.
    package var agencyTLS: AgencyTLS?
    /// The data folder's absolute path, without a trailing slash.
    package var data: String
    package var logLevel: Logger.Level
    /// Whether the level was set rather than left at its default.
    package var isLogLevelChosen: Bool
    package var logFormat: LogFormat
    /// Every key with its effective value.
    package var values: [(String, String)]
    /// The source of each value: `default`, `config.yaml:12`, a variable or a flag.
    package var origins: [String]
    /// Settings that are not used although they may be meant for the programs.
    package var warnings: [String]

    package var folder: DrawFolder { DrawFolder(data: data, draw: draw) }

    /// Merges the sources (flags over environment over file over defaults) and checks every value.
    ///
    /// - Parameters:
    ///   - flags: values by key, from `--set` and its shorthands.
    ///   - flagNames: the flags that set them, by key; `--set` for the others.
    ///   - environment: `QUINIELA_INGEST_WORKERS` for `ingest.workers`, and the course's names.
    ///   - workingFolder: the base of a relative data folder; nil if it no longer exists.
    /// - Throws: ``ConfigurationError`` with all faults.
    package init(
        flags: [String: String], flagNames: [String: String] = [:], environment: [String: String],
        file: ConfigurationFile?, workingFolder: String? = SystemCall.workingFolder
    ) throws(ConfigurationError) {
        var source = ConfigurationSource(
            flags: flags, flagNames: flagNames, environment: environment, file: file)
        agencies = UInt32(source.integer("agencies"))
        draw = source.parsed("draw.id", DrawID.init)
        winningNumber = UInt16(source.integer("draw.winningNumber"))
        numberSource = source.parsed("draw.number") { DrawTerms.NumberSource(rawValue: $0.lowercased()) }
        calendar = source.parsed("calendar") { .some($0.isEmpty ? nil : $0) }
        roster = source.parsed("roster") { .some($0.isEmpty ? nil : $0) }
        cluster = Self.cluster(&source)
        tls = Self.tls(&source)
        operators = Operators(
            users: source.parsed("operators.users") { $0.split(separator: ",").map(String.init) },
            needFourEyes: source.parsed("operators.fourEyes") { $0.lowercased() == "true" })
        ingest = Ingest(
            listen: source.parsed("ingest.listen", Endpoint.init),
            addresses: source.addresses("ingest"),
            loops: source.parsed("ingest.loops") { $0 == "auto" ? .some(nil) : Int($0).map(Optional.some) },
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
            addresses: source.addresses("winners"),
            maxConnections: source.integer("winners.maxConnections"),
            maxPerAddress: source.integer("winners.maxPerAddress"),
            keptDraws: source.integer("winners.keptDraws"))
        console = Self.console(&source)
        dialects = []
        for port in DialectRegistry.ports {
            let endpoint = source.parsed("dialects.\(port.key)") { Optional(Endpoint($0)) }
            guard let endpoint else { continue }
            dialects.append(
                DialectPort(name: port.key, endpoint: endpoint, dialect: port.dialect, isWinners: port.isWinners))
        }
        dialectDraws = [:]
        for port in DialectRegistry.ports where !port.isWinners {
            dialectDraws[port.key] = source.parsed("dialects.draw.\(port.key)") { .some(DrawID($0)) }
        }
        maxChunkBets = source.integer("batch.maxAmount")
        maxChunkBytes = source.integer("batch.maxBytes")
        retry = Retry(
            initial: .milliseconds(source.integer("retry.initialMilliseconds")),
            max: .milliseconds(source.integer("retry.maxMilliseconds")),
            deadline: .seconds(source.integer("retry.deadlineSeconds")),
            drawDeadline: .seconds(source.integer("retry.drawSeconds")))
        agency = AgencyID(UInt32(source.integer("agency.id")))
        agencyFile = source.parsed("agency.file") { $0 }.replacing("{id}", with: String(agency.rawValue))
        agencyToken = source.parsed("agency.token") { $0 }
        agencyTokenFile = source.parsed("agency.tokenFile") { .some($0.isEmpty ? nil : $0) }
        agencyTLS = Self.agencyTLS(&source)
        data = source.parsed("data") { Self.absolute($0, below: workingFolder) ?? $0 }
        if console.tokenFile.isEmpty { console.tokenFile = DataFolder(data).operatorToken }
        logLevel = source.parsed("log.level", Logger.Level.init(courseName:))
        logFormat = source.parsed("log.format") { LogFormat(rawValue: $0.lowercased()) }
        var effective = ["data": data, "agency.file": agencyFile]
        if !agencyToken.isEmpty { effective["agency.token"] = "(set)" }
        values = source.found.map { ($0.path, effective[$0.path] ?? $0.1.value) }
        origins = source.found.map(\.1.place)
        warnings = source.warnings
        isDrawChosen = source.found.contains { $0.path == "draw.id" && $0.1.place != "default" }
        isLogLevelChosen = source.found.contains { $0.path == "log.level" && $0.1.place != "default" }
        var faults = source.faults
        if roster != nil, let origin = source.found.first(where: { $0.path == "agencies" })?.1.place,
            origin != "default"
        {
            faults.append("\(origin): agencies and roster exclude each other; with a roster, remove agencies")
        }
        if tls != nil { faults += Self.faults(ofTLSBeside: dialects) }
        if cluster != nil { faults += dialects.map(Self.faultOfDialectBesideCluster) }
        faults += Self.faults(ofToken: agencyToken, tokenFile: agencyTokenFile, flags: flags, file: file)
        if !data.hasPrefix("/"), faults.isEmpty {
            faults.append("data is \"\(data)\", but the working folder no longer exists; use an absolute path")
        }
        if !faults.isEmpty { throw ConfigurationError(faults) }
    }
}

extension ServiceConfiguration {
    /// Without a trailing slash; nil if the path is relative and there is no working folder.
    private static func absolute(_ path: String, below workingFolder: String?) -> String? {
        var path = path
        while path.hasPrefix("./") { path.removeFirst(2) }
        if path.isEmpty || path == "." {
            guard let workingFolder else { return nil }
            path = workingFolder
        } else if !path.hasPrefix("/") {
            guard let workingFolder else { return nil }
            path = workingFolder == "/" ? "/\(path)" : "\(workingFolder)/\(path)"
        }
        while path.count > 1, path.hasSuffix("/") { path.removeLast() }
        return path
    }
}
