package import ReplicatedLedger

/// The cluster of a service, for `status`, the control socket and the metrics.
package struct ClusterStatus: Codable, Equatable, Sendable {
    /// A `bet-ingest` of the cluster.
    package struct Node: Codable, Equatable, Sendable {
        /// The address on which it listens for agencies.
        package var address: String
        package var version: String
        /// When it last said that it runs, in milliseconds since 1970 by its own clock.
        package var time: UInt64

        package init(address: String, version: String, time: UInt64) {
            self.address = address
            self.version = version
            self.time = time
        }
    }

    /// The server that this service is connected to; nil without a connection.
    package var server: String?
    /// The servers that answered last.
    package var servers: [EngineServer] = []
    /// The servers that there should be.
    package var expectedServers = 0
    /// By the name of the stream: that of the documents, and those of the draws in use.
    package var streams: [String: StreamReplicas] = [:]
    /// The nodes that announced themselves within the last minute, by address.
    package var nodes: [Node] = []
    /// Since the start of this service.
    package var reconnections = 0
    /// Messages whose outcome was unknown at first.
    package var unknown = 0
    /// Messages that another node was faster with.
    package var conflicts = 0
    /// Servers or streams whose configuration was rejected.
    package var rejections = 0

    package init() {}

    /// The status as lines of text.
    package var lines: [String] {
        var lines = [
            "cluster: \(server.map { "connected to \($0)" } ?? "not connected"), \(servers.count) of \(expectedServers) servers "
                + "answer, \(nodes.count) \(nodes.count == 1 ? "node" : "nodes"); since the start \(reconnections) reconnections, "
                + "\(unknown) unknown outcomes, \(conflicts) conflicts, \(rejections) rejected configurations"
        ]
        for (name, replicas) in streams.sorted(by: { $0.key < $1.key }) {
            let followers = replicas.followers.map { "\($0.server) \($0.isCurrent ? "current" : "lags by \($0.lag)")" }
            lines.append(
                "stream \(name): leader \(replicas.leader ?? "none"), " + followers.joined(separator: ", "))
        }
        return lines
    }
}
