import Dialects
import Domain
import Ledger
import Platform

/// One key of `config.yaml`: its type, default and range.
///
/// The list ``all`` is the only definition of which keys exist; TidyTests compare docs/operations.md with it, and
/// SharedTests `config.yaml`.
package struct ConfigurationKey: Sendable {
    package enum Kind: Sendable {
        /// A whole number in a range, both ends included.
        case integer(ClosedRange<Int>, default: Int)
        /// `auto` is the default.
        case automaticInteger(ClosedRange<Int>)
        /// `host:port`.
        case endpoint(default: String)
        /// `host:port` separated by commas; may be empty.
        case endpoints
        /// `host:port`, or empty to leave the port closed.
        case optionalEndpoint
        case draw(default: String)
        /// The name of a draw, or empty.
        case optionalDraw
        /// A path, or empty.
        case optionalPath
        /// Paths separated by commas; may be empty.
        case paths
        /// A word that is shown nowhere, or empty.
        case secret
        /// Names of users, separated by commas; may be empty.
        case users
        /// A path; not empty, and without a leading `~`, which only a shell expands.
        case path(default: String)
        case choice([String], default: String)
    }

    /// For example `ingest.workers`.
    package let path: String
    package let kind: Kind
    /// The course's environment variables.
    package let aliases: [String]

    private init(_ path: String, _ kind: Kind, aliases: [String] = []) {
        self.path = path
        self.kind = kind
        self.aliases = aliases
    }

    /// Our environment variable: `QUINIELA_DRAW_WINNING_NUMBER` for `draw.winningNumber`.
    package var variable: String {
        var name = "QUINIELA_"
        for character in path {
            if character == "." {
                name += "_"
            } else {
                name += character.isUppercase ? "_\(character)" : character.uppercased()
            }
        }
        return name
    }

    package static let all: [ConfigurationKey] = keys + dialects + dialectDraws

    /// None is open by default.
    private static let dialects = DialectRegistry.ports.map {
        ConfigurationKey("dialects.\($0.key)", .optionalEndpoint)
    }

    /// The draw to which each dialect is bound; by default the one that closes next.
    private static let dialectDraws = DialectRegistry.ports.filter { !$0.isWinners }.map {
        ConfigurationKey("dialects.draw.\($0.key)", .optionalDraw)
    }

    private static let keys: [ConfigurationKey] = [
        ConfigurationKey("agencies", .integer(1...Int(Limits.maxAgencies), default: 5)),
        ConfigurationKey("draw.id", .draw(default: "default")),
        ConfigurationKey("draw.winningNumber", .integer(0...9999, default: 7574)),
        ConfigurationKey(
            "draw.number",
            .choice(DrawTerms.NumberSource.allCases.map(\.rawValue), default: "configured")),
        ConfigurationKey("calendar", .optionalPath),
        ConfigurationKey("roster", .optionalPath),
        ConfigurationKey("ledger.kind", .choice(["file", "jetstream"], default: "file")),
        ConfigurationKey("ledger.servers", .endpoints),
        ConfigurationKey("ledger.replicas", .choice(["1", "3", "5"], default: "3")),
        ConfigurationKey("ledger.tls.roots", .optionalPath),
        ConfigurationKey("ledger.tls.certificate", .optionalPath),
        ConfigurationKey("ledger.tls.key", .optionalPath),
        ConfigurationKey("tls.mode", .choice(["off", "required"], default: "off")),
        ConfigurationKey("tls.certificate", .optionalPath),
        ConfigurationKey("tls.key", .optionalPath),
        ConfigurationKey("tls.clientRoots", .paths),
        ConfigurationKey("tls.reloadSeconds", .integer(1...86_400, default: 60)),
        ConfigurationKey("operators.users", .users),
        ConfigurationKey("operators.fourEyes", .choice(["false", "true"], default: "false")),
        ConfigurationKey("ingest.listen", .endpoint(default: "127.0.0.1:12345")),
        ConfigurationKey(
            "ingest.address", .endpoint(default: "127.0.0.1:12345"), aliases: ["CLI_SERVER_ADDRESS"]),
        ConfigurationKey("ingest.addresses", .endpoints),
        ConfigurationKey("ingest.loops", .automaticInteger(1...64)),
        ConfigurationKey("ingest.workers", .integer(1...64, default: 4)),
        ConfigurationKey("ingest.window", .integer(1...1024, default: 32)),
        ConfigurationKey("ingest.queueCapacity", .integer(1...1_000_000, default: 16_384)),
        ConfigurationKey("ingest.maxPerAddress", .integer(1...1_000_000, default: 16_384)),
        ConfigurationKey(
            "ingest.maxFrameBytes",
            .integer(Limits.minFrameBytes...Limits.largestMaxFrameBytes, default: 1 << 20)),
        ConfigurationKey(
            "ingest.bufferBytes",
            .integer(Limits.largestMaxFrameBytes...(64 << 30), default: 256 << 20)),
        ConfigurationKey("ingest.helloSeconds", .integer(1...3600, default: 60)),
        ConfigurationKey("ingest.frameSeconds", .integer(1...3600, default: 120)),
        ConfigurationKey("ingest.idleSeconds", .integer(1...604_800, default: 86_400)),
        ConfigurationKey("console.listen", .endpoint(default: "127.0.0.1:12349")),
        ConfigurationKey("console.tokenFile", .optionalPath),
        ConfigurationKey("winners.listen", .endpoint(default: "127.0.0.1:12346")),
        ConfigurationKey("winners.address", .endpoint(default: "127.0.0.1:12346")),
        ConfigurationKey("winners.addresses", .endpoints),
        ConfigurationKey("winners.maxConnections", .integer(1...1_000_000, default: 16_384)),
        ConfigurationKey("winners.maxPerAddress", .integer(1...1_000_000, default: 16_384)),
        ConfigurationKey("winners.keptDraws", .integer(1...10_000, default: 32)),
        ConfigurationKey(
            "batch.maxAmount", .integer(1...Limits.maxChunkBets, default: 100),
            aliases: ["CLI_BATCH_MAXAMOUNT"]),
        ConfigurationKey(
            "batch.maxBytes", .integer(Limits.minFrameBytes...Limits.largestMaxFrameBytes, default: 8192)),
        ConfigurationKey("retry.initialMilliseconds", .integer(1...60_000, default: 100)),
        ConfigurationKey("retry.maxMilliseconds", .integer(1...600_000, default: 5000)),
        ConfigurationKey("retry.deadlineSeconds", .integer(1...604_800, default: 300)),
        ConfigurationKey("retry.drawSeconds", .integer(1...604_800, default: 86_400)),
        ConfigurationKey("agency.id", .integer(1...1_000_000, default: 1), aliases: ["CLI_ID"]),
        ConfigurationKey("agency.file", .path(default: "data/agency-{id}.csv")),
        ConfigurationKey("agency.token", .secret),
        ConfigurationKey("agency.tokenFile", .optionalPath),
        ConfigurationKey("agency.tls.roots", .optionalPath),
        ConfigurationKey("agency.tls.certificate", .optionalPath),
        ConfigurationKey("agency.tls.key", .optionalPath),
        ConfigurationKey("data", .path(default: "./data")),
        ConfigurationKey(
            "log.level",
            .choice(["DEBUG", "INFO", "WARNING", "WARN", "ERROR", "CRITICAL"], default: "INFO"),
            aliases: ["LOGGING_LEVEL", "CLI_LOG_LEVEL"]),
        ConfigurationKey(
            "log.format", .choice(LogFormat.allCases.map(\.rawValue), default: "text")),
    ]

    /// The accepted values, for messages.
    package var range: String {
        switch kind {
        case .integer(let range, _): "a whole number from \(range.lowerBound) to \(range.upperBound)"
        case .automaticInteger(let range):
            "auto or a whole number from \(range.lowerBound) to \(range.upperBound)"
        case .endpoint, .optionalEndpoint: "host:port, for example 127.0.0.1:12345 or [::1]:12345"
        case .endpoints: "host:port separated by commas, for example 10.0.0.5:12345,10.0.0.6:12345"
        case .draw, .optionalDraw: "1 to \(Limits.maxDrawNameBytes) letters, digits, - or _"
        case .users: "names of users, separated by commas"
        case .paths: "paths in full, separated by commas"
        case .secret: "1 to \(Limits.maxTokenBytes) printable ASCII characters without spaces"
        case .path, .optionalPath: "a path in full, for example /srv/quiniela, without ~ (it is not expanded here)"
        case .choice(let values, _): "one of \(values.joined(separator: ", "))"
        }
    }

    package var defaultText: String {
        switch kind {
        case .integer(_, let value): String(value)
        case .automaticInteger: "auto"
        case .optionalEndpoint, .endpoints, .optionalDraw, .optionalPath, .paths, .users, .secret: ""
        case .endpoint(let value), .draw(let value), .path(let value), .choice(_, let value): value
        }
    }

    /// Whether the key may have no value.
    var isOptional: Bool {
        switch kind {
        case .optionalEndpoint, .endpoints, .optionalDraw, .optionalPath, .paths, .users, .secret: true
        default: false
        }
    }

    /// Whether a text is an accepted value.
    package func accepts(_ text: String) -> Bool {
        switch kind {
        case .integer(let range, _): Int(text).map(range.contains) ?? false
        case .automaticInteger(let range): text == "auto" || (Int(text).map(range.contains) ?? false)
        case .endpoint: Endpoint(text) != nil
        case .endpoints: text.isEmpty || Endpoint.list(text) != nil
        case .optionalEndpoint: text.isEmpty || Endpoint(text) != nil
        case .draw: DrawID(text) != nil
        case .optionalDraw: text.isEmpty || DrawID(text) != nil
        case .path: !text.isEmpty && Self.isPath(text)
        case .optionalPath: Self.isPath(text)
        case .paths: text.split(separator: ",").allSatisfy { Self.isPath(String($0)) }
        case .secret:
            text.utf8.count <= Limits.maxTokenBytes && text.utf8.allSatisfy { (0x21...0x7E).contains($0) }
        case .users: text.split(separator: ",").allSatisfy { !$0.contains(" ") && !$0.contains(":") }
        case .choice(let values, _):
            values.contains { $0.lowercased() == text.lowercased() }
        }
    }

    private static func isPath(_ text: String) -> Bool { !text.hasPrefix("~") && !text.utf8.contains(0) }
}
