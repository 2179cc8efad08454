import Domain
import LedgerOnJetStream
import NIOConcurrencyHelpers
import Platform
import ReplicatedLedger
import Shell

/// The connection of this node to its cluster, and the threads that follow it.
///
/// One thread reads the documents that nodes store, another asks the servers for their settings.
///
/// Isolation: any thread; the main thread makes and stops it.
final class NodeCluster: Sendable {
    /// The servers as they were when they last answered.
    struct Status: Equatable, Sendable {
        var servers: [EngineServer] = []
        var server: String?
        var reconnections = 0
        var rejections = 0
    }

    let cluster: DrawCluster
    /// The largest frame of an agency that fits one message.
    let maxFrameBytes: Int
    private let configuration: ServiceConfiguration.Cluster
    private let inbox: MainInbox
    private let log: EventLog
    private let status: NIOLockedValueBox<Status>
    private let isStopping = Monitor(false)

    /// The size of a message without its records, and to spare.
    private static let overheadBytes = 4096
    private static let checkInterval = Duration.seconds(15)
    private static let followInterval = Duration.milliseconds(50)

    /// Connects, and checks the servers; blocks.
    ///
    /// - Throws: ``ConfigurationError`` for servers that cannot keep what an acknowledgement promises;
    ///   ``EngineUnavailable``.
    init(_ configuration: ServiceConfiguration.Cluster, name: String, inbox: MainInbox, log: EventLog) throws {
        self.configuration = configuration
        self.inbox = inbox
        self.log = log
        let status = NIOLockedValueBox(Status())
        self.status = status
        let (engine, maxPayload) = try JetStreamLedger.connect(configuration, name: name) { event in
            switch event {
            case .connected(let server):
                status.withLockedValue { status in
                    if status.server == nil, !status.servers.isEmpty { status.reconnections += 1 }
                    status.server = server
                }
                log(.clusterConnected(server: server))
            case .disconnected(let reason):
                status.withLockedValue { $0.server = nil }
                log(.clusterLost(reason: reason))
            case .failed(let reason): log(.clusterFailed(reason: reason))
            }
        }
        maxFrameBytes = maxPayload - Self.overheadBytes
        cluster = DrawCluster(
            engine: engine, documents: EngineDocuments(engine) { inbox.isStopping },
            node: .random(in: 1...UInt64.max), maxRecordBytes: min(900_000, maxPayload - Self.overheadBytes))
        if let fault = check() { throw ConfigurationError([fault]) }
        do {
            try cluster.documents.make(.documents)
        } catch let rejection as EngineRejection {
            throw ConfigurationError([rejection.description])
        }
    }

    var current: Status { status.withLockedValue { $0 } }

    /// Starts the threads.
    func start() -> [NamedThread] {
        [
            NamedThread("documents") { [self] in followDocuments() },
            NamedThread("cluster-check") { [self] in checkServers() },
        ]
    }

    /// Makes the threads end.
    func stop() {
        isStopping.withLock { $0 = true }
        isStopping.wakeAll()
    }

    /// Asks the servers for their settings.
    ///
    /// - Returns: why they cannot be used; nil if they can.
    private func check() -> String? {
        let servers = cluster.engine.servers()
        let size = servers.map(\.clusterSize).max() ?? 0
        let isNew = status.withLockedValue { status in
            defer { status.servers = servers }
            return status.servers.count != servers.count
        }
        if isNew, servers.count < size { log(.clusterServersSilent(servers.count, of: size)) }
        return servers.fault(replicas: configuration.replicas)
    }

    private func checkServers() {
        while !waits(Self.checkInterval) {
            // While the connection is lost, nobody answers, and the configuration is not to blame.
            guard current.server != nil, let fault = check(), !current.servers.isEmpty else { continue }
            status.withLockedValue { $0.rejections += 1 }
            inbox.post(.rejected(ConfigurationError([fault])))
        }
    }

    private func followDocuments() {
        var last: UInt64 = 0
        while true {
            guard let stored = try? cluster.documents.next(after: last) else {
                if waits(Self.followInterval) { return }
                continue
            }
            last = stored.sequence
            if let (draw, name) = EngineDocuments.document(ofSubject: stored.subject) {
                inbox.post(.document(draw, name: name, bytes: stored.bytes))
            }
        }
    }

    /// Waits; returns whether the threads must end.
    private func waits(_ duration: Duration) -> Bool {
        isStopping.wait(until: .now + duration) { $0 ? true : nil } ?? false
    }
}
