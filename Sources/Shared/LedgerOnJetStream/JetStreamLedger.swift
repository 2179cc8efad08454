package import ReplicatedLedger
package import Shell

extension EngineUnavailable: ProgramError {
    package var exit: ProgramExit { .tryLater }
}

extension LogEvent {
    /// The line of a change of the connection to the engine.
    package static func cluster(_ event: EngineEvent) -> LogEvent {
        switch event {
        case .connected(let server): clusterConnected(server: server)
        case .disconnected(let reason): clusterLost(reason: reason)
        case .failed(let reason): clusterFailed(reason: reason)
        }
    }
}

/// The engine of a configuration, in a program that was built with the trait `JetStream`.
package enum JetStreamLedger {
    /// Connects to the servers of a configuration; blocks.
    ///
    /// - Parameters:
    ///   - name: what the servers list as the client's name.
    ///   - didChange: called on a thread of the client; must not block.
    ///   - hear: takes what programs of the cluster tell; as `didChange`.
    /// - Returns: the engine, and the largest message that its servers take, in bytes.
    /// - Throws: ``ConfigurationError`` in a program that was built without the trait; ``EngineUnavailable``.
    package static func connect(
        _ cluster: ServiceConfiguration.Cluster, name: String,
        didChange: @escaping @Sendable (EngineEvent) -> Void, hear: (@Sendable (EngineNews) -> Void)? = nil
    ) throws -> (engine: any LedgerEngine, maxPayload: Int) {
        #if JetStream
        let engine = try JetStreamEngine(
            servers: cluster.servers, identity: cluster.identity, replicas: cluster.replicas, name: name,
            didChange: didChange, hear: hear)
        return (engine, engine.maxPayload)
        #else
        throw ConfigurationError([
            "ledger.kind is jetstream, and this program was built without it: make cluster builds one that has it"
        ])
        #endif
    }
}
