import NIOCore
import Shared

/// Port 2.
struct ConsultListener {
    private let listener: Listener<ConsultQueue>

    /// Opens the port.
    ///
    /// Blocks until it is open.
    ///
    /// - Throws: ``ListenFailure``.
    init(
        _ endpoint: Endpoint, maxConnections: Int, progress: DrawProgress, session: ConsultSession,
        helloDeadline: TimeAmount, idleDeadline: TimeAmount
    ) throws {
        listener = try Listener(
            endpoint,
            .init(
                key: "winners.listen", maxConnections: maxConnections,
                busy: Message.busy(maxConnections: maxConnections).encoded,
                readBytes: FixedSizeRecvByteBufferAllocator(capacity: 1024),
                sweepInterval: .milliseconds(250)),
            makeLoop: { _ in
                ConsultQueue(progress: progress, helloDeadline: helloDeadline, idleDeadline: idleDeadline)
            },
            sweep: { $0.sweep(now: .now()) },
            makeHandler: { queue, _, slot in
                ConsultChannelHandler(queue: queue, session: session, slot: slot)
            })
    }

    /// The address that the port really has.
    var address: String { listener.address }

    /// Answers everybody who waits, on all loops.
    func publish(_ answers: PublishedAnswers) {
        listener.onEachLoop { $0.publish(answers) }
    }

    /// What is said before the draw has changed.
    func update(_ progress: DrawProgress) {
        listener.onEachLoop { $0.update(progress) }
    }

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
