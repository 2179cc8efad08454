import NIOCore
import Shared

/// Port 2, or a dialect's port for winners.
struct ConsultListener {
    private let loops: EventLoops<ConsultQueue>
    private let listener: Listener
    private let dialect: (any Dialect)?

    /// Opens the port.
    ///
    /// Blocks until it is open.
    ///
    /// - Parameters:
    ///   - key: the configuration's for the endpoint.
    ///   - dialect: what it speaks; nil: the native protocol.
    ///   - count: event loops; nil: one for two cores.
    /// - Throws: ``ListenFailure``.
    init(
        _ endpoint: Endpoint, key: String, dialect: (any Dialect)?, loops count: Int?, connections: ConnectionCount,
        progress: DrawProgress,
        session: ConsultSession, helloDeadline: TimeAmount, idleDeadline: TimeAmount, log: EventLog
    ) throws {
        let loops = try EventLoops(
            count: count, connections: connections, sweepInterval: .milliseconds(250),
            readBytes: Limits.maxConsultReadBytes,
            makeLoop: { eventLoop, readBuffer in
                ConsultQueue(
                    eventLoop: eventLoop, readBuffer: readBuffer, progress: progress, helloDeadline: helloDeadline,
                    idleDeadline: idleDeadline)
            },
            sweep: { $0.sweep() })
        let setup = Listener.Setup(key: key, busy: dialect == nil ? Message.busy.encoded : []) {
            log(.acceptFailed(port: dialect?.winnersName ?? "winners", reason: $0))
        }
        do {
            listener = try Listener(endpoint, setup, on: loops) { queue, _, slot in
                ConsultChannelHandler(queue: queue, session: session, dialect: dialect, slot: slot)
            }
        } catch {
            loops.end()
            throw error
        }
        self.loops = loops
        self.dialect = dialect
    }

    /// The address that the port really has.
    var address: String { listener.address }

    /// Answers everybody who waits, on all loops.
    func publish(_ result: DrawResult) {
        let answers = PublishedAnswers(result, dialect: dialect)
        loops.onEachLoop { $0.publish(answers) }
    }

    /// What is said before the draw has changed.
    func update(_ progress: DrawProgress) {
        loops.onEachLoop { $0.update(progress) }
    }

    /// Closes the port.
    ///
    /// Connections go on. Blocks until it is closed.
    func stopAccepting() {
        listener.stopAccepting()
    }

    /// Says goodbye to every connection.
    func sayGoodbye() {
        loops.onEachLoop { $0.closeAll() }
    }

    /// Ends the loops.
    func end() {
        loops.end()
    }
}
