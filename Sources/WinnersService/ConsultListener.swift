import Connections
import Dialects
import Domain
import Ledger
import NIOCore
import Platform
import Shell
import WireProtocol

/// Port 2, or a dialect's port for winners.
struct ConsultListener {
    private let loops: EventLoops<ConsultLoop>
    private let listener: Listener

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
        progress: ProgressView, session: ConsultSession, deadlines: ConnectionDeadlines, log: EventLog
    ) throws {
        let settings = FramedSettings(
            framing: dialect?.framing ?? .native, window: 1, firstWindow: 1,
            maxFrameBytes: Limits.maxConsultFrameBytes, firstMaxFrameBytes: Limits.maxConsultFrameBytes,
            firstFrameBytes: .max, deadlines: deadlines,
            // An agency of a dialect opens this port at its start and says nothing before it has sent its bets.
            isKnownAtOnce: dialect != nil, isNative: dialect == nil)
        let loops = try EventLoops(
            count: count, connections: connections, sweepInterval: .milliseconds(250),
            readBytes: Limits.maxConsultReadBytes,
            makeLoop: { eventLoop, readBuffer in
                ConsultLoop(eventLoop: eventLoop, readBuffer: readBuffer, progress: progress, log: log)
            },
            sweep: { $0.sweep() })
        let setup = Listener.Setup(key: key, busy: dialect == nil ? Message.busy.encoded : []) {
            log(.acceptFailed(port: dialect?.winnersName ?? "winners", reason: $0))
        }
        do {
            listener = try Listener(endpoint, setup, on: loops) { loop, _, slot in
                ConsultChannel.handler(
                    loop: loop, session: session, settings: settings, dialect: dialect, slot: slot)
            }
        } catch {
            loops.end()
            throw error
        }
        self.loops = loops
    }

    /// The address that the port really has.
    var address: String { listener.address }

    /// Answers every parked question, on all loops.
    func publish(_ winners: WinnersFile, draw: DrawID) {
        loops.onEachLoop { $0.publish(winners, draw: draw) }
    }

    /// Tells nothing any more of what was published.
    func withdraw() {
        loops.onEachLoop { $0.withdraw() }
    }

    /// What is said before the draw has changed.
    func update(_ progress: ProgressView) {
        loops.onEachLoop { $0.update(progress) }
    }

    /// Closes the port.
    ///
    /// Connections stay. Blocks until it is closed.
    func stopAccepting() {
        listener.stopAccepting()
    }

    /// Tells every connection that the service stops.
    func closeConnections() {
        loops.onEachLoop { $0.closeAll() }
    }

    /// Ends the loops.
    func end() {
        loops.end()
    }
}
