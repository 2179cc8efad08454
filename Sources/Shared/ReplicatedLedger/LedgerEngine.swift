package import Domain

/// A replicated log: streams of messages, each with a subject; a message is stored on a majority of servers, synced, before
/// that is reported.
///
/// Isolation: any thread. Closures are called once, on a thread of the engine, and must not block.
package protocol LedgerEngine: Sendable {
    /// Stores a message if the subject's last message has this sequence; 0: if it has none.
    func publish(
        _ bytes: [UInt8], to subject: String, after sequence: UInt64,
        then: @escaping @Sendable (PublishOutcome) -> Void)

    /// Reads one message, from what may be an old state of the stream.
    func read(
        _ position: ReadPosition, in stream: EngineStream, then: @escaping @Sendable (ReadOutcome) -> Void)

    /// Reads messages of every subject in order, from a sequence on; at least one if there is one, and at most ``maxRead``.
    ///
    /// Empty at the end of the stream.
    func readNext(
        from sequence: UInt64, in stream: EngineStream,
        then: @escaping @Sendable (Result<[StoredMessage], EngineUnavailable>) -> Void)

    /// Returns engines whose ``readNext(from:in:then:)`` is answered by one server each, from its own copy of a stream; blocks.
    ///
    /// - Throws: ``EngineUnavailable`` if a server does not answer.
    func copies() throws -> [any LedgerEngine]

    /// Counts the messages of each subject of a stream.
    func count(
        _ stream: EngineStream, then: @escaping @Sendable (Result<StreamCounts, EngineUnavailable>) -> Void)

    /// Tells something to all programs that listen, this one included; it may get lost.
    func tell(_ news: EngineNews)

    /// Makes a stream, unless there is one with our settings.
    ///
    /// Blocks.
    ///
    /// - Throws: ``EngineRejection`` for a stream with other settings; ``EngineUnavailable``.
    func make(_ stream: EngineStream) throws

    /// Asks every server for its settings; blocks for at most two seconds.
    ///
    /// - Returns: those that answered.
    func servers() -> [EngineServer]

    /// Asks for the servers that store a stream; blocks.
    ///
    /// - Throws: ``EngineUnavailable``.
    func replicas(of stream: EngineStream) throws -> StreamReplicas
}

/// A server of the engine, as it describes itself.
package struct EngineServer: Codable, Equatable, Sendable {
    package var name: String
    package var version: String
    /// Whether it syncs a message before it acknowledges it.
    package var syncsAlways: Bool
    /// The servers of its cluster, those that are away included.
    package var clusterSize: Int
    /// The largest message that it takes, in bytes.
    package var maxPayload: Int

    package init(name: String, version: String, syncsAlways: Bool, clusterSize: Int, maxPayload: Int) {
        self.name = name
        self.version = version
        self.syncsAlways = syncsAlways
        self.clusterSize = clusterSize
        self.maxPayload = maxPayload
    }
}

/// The servers that store a stream.
package struct StreamReplicas: Codable, Equatable, Sendable {
    package struct Replica: Codable, Equatable, Sendable {
        package var server: String
        package var isCurrent: Bool
        /// The operations that it lacks.
        package var lag: Int

        package init(server: String, isCurrent: Bool, lag: Int) {
            self.server = server
            self.isCurrent = isCurrent
            self.lag = lag
        }
    }

    /// Nil during an election.
    package var leader: String?
    /// Without the leader.
    package var followers: [Replica]

    package init(leader: String?, followers: [Replica]) {
        self.leader = leader
        self.followers = followers
    }
}

extension [EngineServer] {
    /// The oldest server whose behaviour was measured.
    package static let minVersion = "2.15"

    /// Returns why these servers cannot keep what an acknowledgement promises; nil if they can.
    ///
    /// - Parameter replicas: the servers that are to store each message.
    package func fault(replicas: Int) -> String? {
        for server in self {
            if !server.isVersionKnown {
                return
                    "server \(server.name) has version \(server.version), and \(Self.minVersion) or newer is needed: replace its "
                    + "nats-server (scripts/cluster install brings one; Debian's package is too old)"
            }
            if !server.syncsAlways {
                return
                    "server \(server.name) acknowledges before it syncs, so that a power cut loses acknowledged bets: add "
                    + "sync_interval: always to its jetstream section and restart it"
            }
        }
        if isEmpty {
            return "no server says how it is configured: import the service quiniela-servers, as scripts/cluster does"
        }
        let size = map(\.clusterSize).max() ?? 0
        if size < replicas {
            return
                "\(replicas) servers are to store each bet (ledger.replicas), and the cluster has \(size): add servers, or, for "
                + "a trial that one disk may end, set ledger.replicas to 1"
        }
        return nil
    }
}

extension EngineServer {
    fileprivate var isVersionKnown: Bool {
        let parts = version.split(separator: ".").prefix(2).map { Int($0) ?? 0 }
        let needed = [EngineServer].minVersion.split(separator: ".").map { Int($0) ?? 0 }
        return parts.count == 2 && (parts[0], parts[1]) >= (needed[0], needed[1])
    }
}

/// The outcome of a publish, as far as it is known.
package enum PublishOutcome: Equatable, Sendable {
    case stored(sequence: UInt64)
    /// The subject's last message is another one.
    case conflict
    /// It may have been stored, now or later: a timeout, a closed connection, no leader.
    case unknown
}

/// The message that a read asks for.
package enum ReadPosition: Equatable, Sendable {
    case last(subject: String)
    /// The first message of a subject with this sequence or a higher one; the subject may end in a wildcard.
    case next(subject: String, from: UInt64)
}

/// The outcome of a read.
package enum ReadOutcome: Equatable, Sendable {
    case message(StoredMessage)
    case none
    case unknown
}

/// A message of a stream.
package struct StoredMessage: Equatable, Sendable {
    /// In the stream, from 1.
    package var sequence: UInt64
    package var subject: String
    package var bytes: [UInt8]
    /// When it was stored, by the clock of a server; nil if the engine did not say.
    package var time: Instant?

    package init(sequence: UInt64, subject: String, bytes: [UInt8], time: Instant? = nil) {
        self.sequence = sequence
        self.subject = subject
        self.bytes = bytes
        self.time = time
    }
}

/// The messages of a stream, counted.
package struct StreamCounts: Equatable, Sendable {
    /// By subject; subjects without messages are absent.
    package var messages: [String: Int]

    package init(messages: [String: Int]) {
        self.messages = messages
    }
}

/// A change of the connection to the engine.
package enum EngineEvent: Equatable, Sendable {
    case connected(server: String)
    case disconnected(reason: String)
    /// For example a subject that this user may not publish to.
    case failed(String)
}

/// The engine did not answer in time, or has no leader now.
package struct EngineUnavailable: Error, Equatable, Sendable, CustomStringConvertible {
    package var description: String

    package init(_ description: String) { self.description = description }
}

/// The engine, or its configuration, cannot keep what acknowledgements promise.
package struct EngineRejection: Error, Equatable, Sendable, CustomStringConvertible {
    package var description: String

    package init(_ description: String) { self.description = description }
}

/// A stream of the engine.
package enum EngineStream: Hashable, Sendable {
    /// The bets of a draw: a subject for each agency.
    case bets(DrawID)
    /// The documents of all draws, as a bucket of keys: one message for each key.
    case documents

    package var name: String {
        switch self {
        case .bets(let draw): "QUINIELA_\(draw)"
        case .documents: "KV_quiniela-draws"
        }
    }

    /// The subjects that the stream stores.
    package var subjects: String {
        switch self {
        case .bets(let draw): "quiniela.\(draw).*"
        case .documents: "$KV.quiniela-draws.>"
        }
    }

    /// The subject of an agency's bets.
    package static func subject(of agency: AgencyID, in draw: DrawID) -> String {
        "quiniela.\(draw).\(agency.rawValue)"
    }

    /// The agency of a subject of ``bets``; nil for another subject.
    package static func agency(ofSubject subject: String) -> AgencyID? {
        subject.split(separator: ".").last.flatMap { UInt32($0) }.map { AgencyID($0) }
    }

    /// The subject of a document: for example the key `default.number`.
    package static func subject(ofDocument key: String) -> String { "$KV.quiniela-draws.\(key)" }
}
