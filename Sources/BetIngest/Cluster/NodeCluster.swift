import Control
import Domain
import Foundation
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
    let cluster: DrawCluster
    /// The largest frame of an agency that fits one message.
    let maxFrameBytes: Int
    private let configuration: ServiceConfiguration.Cluster
    /// The address on which agencies reach this node.
    private let address: String
    private let inbox: MainInbox
    private let log: EventLog
    private let status: NIOLockedValueBox<ClusterStatus>
    /// The nodes by their documents.
    private let nodes = NIOLockedValueBox<[String: ClusterStatus.Node]>([:])
    private let clocks = NIOLockedValueBox(NodeClocks())
    private let feed: DocumentFeed

    /// The size of a message without its records, and to spare.
    private static let overheadBytes = 4096
    /// Not the name of a draw.
    private static let nodesKey = "=nodes."
    /// The time after which a node that says nothing does not run.
    private static let nodeMilliseconds: UInt64 = 60_000
    private static let checkInterval = Duration.seconds(15)

    /// Connects, and checks the servers; blocks.
    ///
    /// - Throws: ``ConfigurationError`` for servers that cannot keep what an acknowledgement promises;
    ///   ``EngineUnavailable``.
    init(_ configuration: ServiceConfiguration.Cluster, address: String, inbox: MainInbox, log: EventLog) throws {
        self.configuration = configuration
        self.address = address
        self.inbox = inbox
        self.log = log
        let status = NIOLockedValueBox(ClusterStatus())
        self.status = status
        let feed = DocumentFeed()
        self.feed = feed
        let (engine, maxPayload) = try JetStreamLedger.connect(
            configuration, name: "bet-ingest \(address)",
            didChange: { event in
                switch event {
                case .connected(let server):
                    status.withLockedValue { status in
                        if status.server == nil, !status.servers.isEmpty { status.reconnections += 1 }
                        status.server = server
                    }
                case .disconnected: status.withLockedValue { $0.server = nil }
                case .failed: break
                }
                log(.cluster(event))
            },
            hear: { news in
                switch news {
                case .document: feed.hear()
                case .ended(let agencies, let draw): inbox.post(.agenciesEnded(draw, agencies))
                }
            })
        maxFrameBytes = maxPayload - Self.overheadBytes
        cluster = DrawCluster(
            engine: engine, documents: EngineDocuments(engine) { inbox.isStopping },
            node: .random(in: 1...UInt64.max), maxRecordBytes: min(900_000, maxPayload - Self.overheadBytes))
        if !SystemCall.isClockSynchronised { log(.clockUnsynchronised()) }
        if let fault = check() { throw ConfigurationError([fault]) }
        do {
            try cluster.documents.make(.documents)
        } catch let rejection as EngineRejection {
            throw ConfigurationError([rejection.description])
        }
    }

    /// The cluster as it was when it was last asked, with the figures of all committers.
    func current(_ totals: IngestFigures.Totals) -> ClusterStatus {
        var current = status.withLockedValue { $0 }
        current.unknown = totals.unknown
        current.conflicts = totals.conflicts
        let now = SystemCall.unixMilliseconds()
        current.nodes = nodes.withLockedValue { $0.values.filter { $0.time + Self.nodeMilliseconds > now } }
            .sorted { $0.address < $1.address }
        return current
    }

    /// Starts the threads.
    func start(_ draws: OpenDraws) -> [NamedThread] {
        [
            NamedThread("documents") { [self] in followDocuments() },
            NamedThread("cluster-check") { [self] in watchServers(draws) },
        ]
    }

    /// Makes the threads end.
    func stop() { feed.stop() }

    /// Asks the servers for their settings.
    ///
    /// - Returns: why they cannot be used; nil if they can.
    private func check() -> String? {
        let servers = cluster.engine.servers()
        let size = servers.map(\.clusterSize).max() ?? 0
        let isNew = status.withLockedValue { status in
            defer {
                status.servers = servers
                if size > 0 { status.expectedServers = size }
            }
            return status.servers.count != servers.count
        }
        if isNew, servers.count < size { log(.clusterServersSilent(servers.count, of: size)) }
        return servers.fault(replicas: configuration.replicas)
    }

    /// The body of the thread that asks the servers, and tells the other nodes that this one runs.
    private func watchServers(_ draws: OpenDraws) {
        var sequence: UInt64?
        repeat {
            let streams = [EngineStream.documents] + draws.all.filter { $0.stream != nil }.map { .bets($0.id) }
            var replicas: [String: StreamReplicas] = [:]
            for stream in streams { replicas[stream.name] = try? cluster.engine.replicas(of: stream) }
            status.withLockedValue { [replicas] in $0.streams = replicas }
            sequence = announce(after: sequence)
            // While the connection is lost, nobody answers, and the configuration is not to blame.
            guard status.withLockedValue({ $0.server }) != nil, let fault = check(),
                !status.withLockedValue({ $0.servers }).isEmpty
            else { continue }
            status.withLockedValue { $0.rejections += 1 }
            inbox.post(.rejected(ConfigurationError([fault])))
        } while !feed.waitForStop(within: Self.checkInterval)
    }

    /// Says that this node runs.
    ///
    /// - Parameter sequence: of the document that says so; nil if it is not known.
    /// - Returns: its new sequence.
    private func announce(after sequence: UInt64?) -> UInt64? {
        let node = ClusterStatus.Node(
            address: address, version: ProgramVersion.text, time: SystemCall.unixMilliseconds())
        guard let bytes = try? JSONEncoder().encode(node),
            (try? cluster.documents.replace(ownKey, Array(bytes), after: sequence ?? 0)) == true
        else { return nil }
        return (try? cluster.documents.read(ownKey))??.sequence
    }

    private var ownKey: String { Self.nodesKey + String(cluster.node, radix: 16) }

    private func followDocuments() {
        var last: UInt64 = 0
        while let stored = feed.next(of: cluster.documents, after: last) {
            last = stored.sequence
            if stored.subject.hasPrefix(EngineStream.subject(ofDocument: Self.nodesKey)) {
                take(stored)
            } else if let (draw, name) = EngineDocuments.document(ofSubject: stored.subject) {
                inbox.post(.document(draw, name: name, bytes: stored.bytes))
            }
        }
    }

    /// Takes what a node says.
    private func take(_ stored: StoredMessage) {
        guard let node = try? JSONDecoder().decode(ClusterStatus.Node.self, from: Data(stored.bytes)) else { return }
        nodes.withLockedValue { $0[stored.subject] = node }
        guard let storedAt = stored.time?.milliseconds else { return }
        let own = EngineStream.subject(ofDocument: ownKey)
        let ahead = clocks.withLockedValue { $0.take(stored.subject, says: node.time, storedAt: storedAt, own: own) }
        if let ahead { log(.clockDiffers(node: node.address, milliseconds: ahead)) }
    }
}
