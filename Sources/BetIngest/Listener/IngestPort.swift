import Shared

/// What all connections to one port have in common.
final class IngestPort: Sendable {
    /// What they speak; nil: the native protocol.
    let dialect: (any Dialect)?
    /// Window, sizes and deadlines.
    let settings: ServiceConfiguration.Ingest
    /// How each of them begins.
    private let session: any IngestSession

    init(_ configuration: ServiceConfiguration, dialect: (any Dialect)?) {
        self.dialect = dialect
        settings = configuration.ingest
        session =
            dialect.map { DialectSession($0, agencies: configuration.agencies) }
            ?? NativeSession(draw: configuration.folder.draw, agencies: configuration.agencies)
    }

    /// - Parameters:
    ///   - peer: for example `127.0.0.1:51234`.
    ///   - slot: its place below the listener's ceiling.
    func connection(peer: String, answers: any AnswerSink, slot: ConnectionSlot?) -> IngestConnection {
        IngestConnection(peer: peer, session: session, dialect: dialect, answers: answers, slot: slot)
    }
}
