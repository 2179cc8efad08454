package import Platform

extension ServiceConfiguration {
    /// The ledger on several machines; docs/cluster.md.
    package struct Cluster: Sendable {
        /// The addresses of the servers; at least one.
        package var servers: [Endpoint]
        /// The servers that store each message: 3, 5, or 1 for a trial.
        package var replicas: Int
        /// Paths of PEM files; nil for servers without TLS, on loopback.
        package var identity: (roots: String, certificate: String, key: String)?
    }

    static func cluster(_ source: inout ConfigurationSource) -> Cluster? {
        let isChosen = source.parsed("ledger.kind") { $0.lowercased() == "jetstream" }
        let servers = source.parsed("ledger.servers") { $0.isEmpty ? [] : Endpoint.list($0) }
        let replicas = source.parsed("ledger.replicas") { Int($0) }
        let paths = ["roots", "certificate", "key"].map { key in source.parsed("ledger.tls.\(key)") { $0 } }
        guard isChosen else { return nil }
        if servers.isEmpty {
            source.faults.append("ledger.kind is jetstream, so ledger.servers must name its servers")
        }
        let identity = paths.contains { $0.isEmpty } ? nil : (paths[0], paths[1], paths[2])
        if identity == nil, paths.contains(where: { !$0.isEmpty }) {
            source.faults.append(
                "ledger.tls.roots, ledger.tls.certificate and ledger.tls.key are set together or not at all")
        } else if identity == nil, let remote = servers.first(where: { !$0.isLoopback }) {
            source.faults.append(
                "ledger.servers has \(remote), which is not this machine: bets go there with TLS only, so ledger.tls.roots, "
                    + "ledger.tls.certificate and ledger.tls.key are required; bet-ingest pki service --peer makes them"
            )
        }
        return Cluster(servers: servers, replicas: replicas, identity: identity)
    }

    /// Dialects number no chunks: after an unknown outcome nobody could say whether a chunk is recorded.
    static func faultOfDialectBesideCluster(_ dialect: DialectPort) -> String {
        "dialects.\(dialect.name) and ledger.kind jetstream exclude each other: the chunks of a dialect have no sequence, "
            + "so a chunk whose outcome is unknown could be recorded twice"
    }
}
