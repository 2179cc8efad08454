import Connections
import Dialects
import Identity
import NIOCore
import WireProtocol

/// The socket side of a connection to the ingest service.
///
/// Isolation: its event loop; ``send(_:)`` from any thread.
final class IngestChannel: FramedConnectionDelegate {
    private let loop: IngestLoop
    private var connection: IngestConnection?
    private var hasEnded = false
    private var isPeerUnknown = true

    /// Makes a connection's handler.
    ///
    /// - Parameters:
    ///   - peer: for example `127.0.0.1:51234`.
    ///   - key: of the client's certificate.
    ///   - since: when it connected; nil: now.
    static func handler(
        loop: IngestLoop, port: IngestPort, peer: String, key: SecretDigest? = nil, slot: ConnectionSlot?,
        since: NIODeadline? = nil
    ) -> FramedChannelHandler {
        let handler = FramedChannelHandler(loop: loop.connections, settings: port.framing, slot: slot, since: since)
        let answers = AgencyChannel(handler, dialect: port.dialect, outbox: loop.outbox, eventLoop: loop.eventLoop)
        handler.setDelegate(
            IngestChannel(loop: loop, connection: IngestConnection(peer: peer, port: port, answers: answers, key: key)))
        return handler
    }

    private init(loop: IngestLoop, connection: IngestConnection) {
        self.loop = loop
        self.connection = connection
    }

    func receive(_ frame: Frame) {
        handOver(.frame(frame))
    }

    func receive(_ fault: FrameFault) {
        handOver(.invalidFrame(fault))
    }

    func expire(_ reason: String) {
        handOver(.expired(reason))
    }

    func endInput() {
        guard !hasEnded else { return }
        hasEnded = true
        handOver(.ended)
    }

    func close() {
        endInput()
        connection?.didClose()
        connection = nil
    }

    func fail(_ fault: WinnersFault) {
        loop.report(fault, peer: connection?.peer ?? "unknown")
    }

    private func handOver(_ event: ConnectionEvent) {
        guard let connection else { return }
        if isPeerUnknown {
            if connection.handleImmediately(event) { return }
            isPeerUnknown = false
        }
        if connection.append(event) { loop.handOver(connection) }
    }
}

/// The answer sink of one socket.
final class AgencyChannel: AnswerSink {
    let handler: NIOLoopBound<FramedChannelHandler>
    let dialect: (any Dialect)?
    private let outbox: LoopOutbox

    init(
        _ handler: FramedChannelHandler, dialect: (any Dialect)?, outbox: LoopOutbox, eventLoop: any EventLoop
    ) {
        self.handler = NIOLoopBound(handler, eventLoop: eventLoop)
        self.dialect = dialect
        self.outbox = outbox
    }

    func send(_ answer: Answer) {
        outbox.append(answer, to: self)
    }
}
