import NIOCore
import Shared

/// Port 1.
struct IngestListener {
    private let listener: Listener<IngestLoop>

    /// Opens the port.
    ///
    /// Blocks until it is open.
    ///
    /// - Throws: ``ListenFailure``.
    init(
        _ endpoint: Endpoint, maxConnections: Int, queue: ConnectionQueue, budget: FrameBudget,
        settings: IngestChannelHandler.Settings, session: IngestSession
    ) throws {
        listener = try Listener(
            endpoint,
            .init(
                key: "ingest.listen", maxConnections: maxConnections,
                busy: Message.busy(maxConnections: maxConnections).encoded,
                readBytes: AdaptiveRecvByteBufferAllocator(
                    minimum: 1024, initial: 8192, maximum: Limits.maxReadBytes),
                sweepInterval: .seconds(1)),
            makeLoop: { IngestLoop(eventLoop: $0, queue: queue, budget: budget) },
            sweep: { $0.sweep(now: .now()) },
            makeHandler: { loop, channel, slot in
                let peer = channel.remoteAddress?.hostAndPort ?? "unknown"
                return IngestChannelHandler(loop: loop, budget: budget, settings: settings) { answers in
                    IngestConnection(peer: peer, session: session, answers: answers, slot: slot)
                }
            })
    }

    /// The address that the port really has.
    var address: String { listener.address }

    /// Closes the port.
    ///
    /// Connections go on. Blocks until it is closed.
    func stopAccepting() {
        listener.stopAccepting()
    }

    /// Says goodbye to every connection, and ends the loops.
    ///
    /// Blocks up to half a second.
    func close() {
        listener.close { $0.closeAll() }
    }
}
