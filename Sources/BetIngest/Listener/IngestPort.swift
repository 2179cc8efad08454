import Shared

/// What all connections to one port have in common.
final class IngestPort: Sendable {
    /// As log lines name it: `ingest`, or the dialect.
    let name: String
    /// The configuration's key for its endpoint.
    let key: String
    /// What they speak; nil: the native protocol.
    let dialect: (any Dialect)?
    /// Window, sizes and deadlines.
    let settings: ServiceConfiguration.Ingest
    /// How each of them begins.
    private let session: any IngestSession

    init(_ configuration: ServiceConfiguration, dialect: (any Dialect)?) {
        self.dialect = dialect
        name = dialect?.name ?? "ingest"
        key = dialect.map { "dialects.\($0.name)" } ?? "ingest.listen"
        settings = configuration.ingest
        session =
            dialect.map { DialectSession($0, agencies: configuration.agencies) }
            ?? NativeSession(draw: configuration.folder.draw, agencies: configuration.agencies)
    }

    func connection(peer: String, answers: any AnswerSink) -> IngestConnection {
        IngestConnection(peer: peer, session: session, dialect: dialect, answers: answers)
    }
}
