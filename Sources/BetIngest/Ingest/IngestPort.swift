import Connections
import Dialects
import Domain
import Ledger
import Shell
import WireProtocol

/// The properties that all connections to one port share.
final class IngestPort: Sendable {
    /// As log lines name it: `ingest`, or the dialect.
    let name: String
    /// The configuration's key for its endpoint.
    let key: String
    /// Their protocol; nil for the native one.
    let dialect: (any Dialect)?
    /// Framing, window, sizes and deadlines.
    let framing: FramedSettings
    /// The state in which each of them begins.
    let session: any IngestSession
    let desk: IngestDesk

    /// - Parameter agencies: the number of the draw's agencies.
    init(_ configuration: ServiceConfiguration, agencies: UInt32, dialect: (any Dialect)?, desk: IngestDesk) {
        self.dialect = dialect
        self.desk = desk
        name = dialect?.name ?? "ingest"
        key = dialect.map { "dialects.\($0.name)" } ?? "ingest.listen"
        framing = FramedSettings(configuration.ingest, dialect: dialect)
        session =
            dialect.map { DialectSession($0, agencies: agencies) }
            ?? NativeSession(draw: configuration.folder.draw, agencies: agencies)
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
