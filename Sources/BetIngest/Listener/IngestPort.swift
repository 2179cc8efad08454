import Connections
import Dialects
import Domain
import Ledger
import Shell
import WireProtocol

/// What all connections to one port have in common.
final class IngestPort: Sendable {
    /// As log lines name it: `ingest`, or the dialect.
    let name: String
    /// The configuration's key for its endpoint.
    let key: String
    /// What they speak; nil: the native protocol.
    let dialect: (any Dialect)?
    /// Framing, window, sizes and deadlines.
    let framing: FramedSettings
    /// How each of them begins.
    private let session: any IngestSession

    /// - Parameter agencies: of the draw, which may be sealed.
    init(_ configuration: ServiceConfiguration, agencies: UInt32, dialect: (any Dialect)?) {
        self.dialect = dialect
        name = dialect?.name ?? "ingest"
        key = dialect.map { "dialects.\($0.name)" } ?? "ingest.listen"
        framing = FramedSettings(configuration.ingest, dialect: dialect)
        session =
            dialect.map { DialectSession($0, agencies: agencies) }
            ?? NativeSession(draw: configuration.folder.draw, agencies: agencies)
    }

    func connection(peer: String, answers: any AnswerSink) -> IngestConnection {
        IngestConnection(peer: peer, session: session, dialect: dialect, answers: answers)
    }
}

extension FramedSettings {
    fileprivate init(_ ingest: ServiceConfiguration.Ingest, dialect: (any Dialect)?) {
        let isNative = dialect == nil
        self.init(
            framing: dialect?.framing ?? .native, window: ingest.window,
            // A stranger is answered before anything more of it is framed.
            firstWindow: isNative ? 1 : ingest.window, maxFrameBytes: ingest.maxFrameBytes,
            firstMaxFrameBytes: isNative ? Limits.maxConsultFrameBytes : ingest.maxFrameBytes,
            firstFrameBytes: Limits.firstFrameBytes,
            deadlines: ConnectionDeadlines(
                hello: ingest.helloDeadline, frame: ingest.frameDeadline, idle: ingest.idleDeadline),
            isKnownAtOnce: false, isNative: isNative)
        if let dialect { mayBeCutShort = { dialect.mayBeCutShort($0) } }
    }
}
