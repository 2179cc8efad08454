import Connections
import Dialects
import Domain
import Identity
import Ledger
import Monitoring
import Shell
import WireProtocol

/// The settings of all connections to one port.
final class IngestPort: Sendable {
    /// The name in log lines: `ingest`, or the dialect.
    let name: String
    /// The configuration key.
    let key: String
    /// Nil for the native protocol.
    let dialect: (any Dialect)?
    let framing: FramedSettings
    let desk: IngestDesk

    /// Makes the properties of a port.
    init(
        _ configuration: ServiceConfiguration, dialect: (any Dialect)?, desk: IngestDesk,
        ends: ConnectionEnds = ConnectionEnds()
    ) {
        self.dialect = dialect
        self.desk = desk
        name = dialect?.name ?? "ingest"
        key = dialect.map { "dialects.\($0.name)" } ?? "ingest.listen"
        var framing = FramedSettings(configuration.ingest, dialect: dialect)
        framing.isEncrypted = dialect == nil && configuration.tls != nil
        let name = name
        framing.didEnd = { ends.count(name, $0) }
        self.framing = framing
    }

    /// Makes the initial state of a connection.
    ///
    /// - Parameter address: without a port.
    func session(address: Substring, key: SecretDigest?) -> any IngestSession {
        let peer = Peer(
            address: PeerAddress(address), dialect: dialect?.name, key: key, isEncrypted: framing.isEncrypted)
        if let dialect { return DialectSession(dialect, draws: desk.draws, gate: desk.gate, peer: peer) }
        return NativeSession(draws: desk.draws, gate: desk.gate, peer: peer)
    }
}

extension FramedSettings {
    fileprivate init(_ ingest: ServiceConfiguration.Ingest, dialect: (any Dialect)?) {
        let isNative = dialect == nil
        self.init(
            framing: dialect?.framing ?? .native, window: ingest.window,
            // An unknown peer is answered before more of its bytes are framed.
            firstWindow: isNative ? 1 : ingest.window, maxFrameBytes: ingest.maxFrameBytes,
            firstMaxFrameBytes: isNative ? Limits.maxConsultFrameBytes : ingest.maxFrameBytes,
            firstFrameBytes: Limits.firstFrameBytes,
            deadlines: ConnectionDeadlines(
                hello: ingest.helloDeadline, frame: ingest.frameDeadline, idle: ingest.idleDeadline),
            isKnownAtOnce: false, isNative: isNative)
        if let dialect { mayBeCutShort = { dialect.mayBeCutShort($0) } }
    }
}
