import Connections
import Dialects
import Domain
import Ledger
import NIOCore
import Platform
import Shell
import WireProtocol

/// The native port of winners-service, or a dialect's port for winners.
struct ConsultListener {
    private let loops: EventLoops<ConsultLoop>
    private let listener: Listener

    /// Opens the port; blocks until it is open.
    ///
    /// - Parameters:
    ///   - key: the configuration key of the endpoint.
    ///   - dialect: the dialect of the port; nil for the native protocol.
    ///   - count: the number of event loops; nil for one per two cores.
    /// - Throws: ``ListenFailure``.
    init(
        _ endpoint: Endpoint, key: String, dialect: (any Dialect)?, loops count: Int?, connections: ConnectionCount,
        progress: ProgressView, session: ConsultSession, deadlines: ConnectionDeadlines, log: EventLog
    ) throws {
        let settings = FramedSettings(
            framing: dialect?.framing ?? .native, window: 1, firstWindow: 1,
            maxFrameBytes: Limits.maxConsultFrameBytes, firstMaxFrameBytes: Limits.maxConsultFrameBytes,
            firstFrameBytes: .max, deadlines: deadlines,
            // An agency of a dialect connects to this port at its start and is silent until it has sent its bets.
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

    /// The actual address of the port.
    var address: String { listener.address }

    /// Starts answering from a published draw and answers every parked question, on all loops.
    func publish(_ winners: WinnersFile, draw: DrawID) {
        loops.onEachLoop { $0.publish(winners, draw: draw) }
    }

    /// Stops answering from the published draw.
    func withdraw() {
        loops.onEachLoop { $0.withdraw() }
    }

    /// Replaces the progress that is reported before the draw.
    func update(_ progress: ProgressView) {
        loops.onEachLoop { $0.update(progress) }
    }

    /// Closes the port; blocks until it is closed.
    ///
    /// Connections stay open.
    func stopAccepting() {
        listener.stopAccepting()
    }

    /// Sends `shuttingDown` to every connection and closes it.
    func closeConnections() {
        loops.onEachLoop { $0.closeAll() }
    }

    /// Ends the loops.
    func end() {
        loops.end()
    }
}
