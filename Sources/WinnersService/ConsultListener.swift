import Connections
import Dialects
import Domain
import Identity
import Ledger
import Monitoring
import NIOCore
import Platform
import Shell
import TLS
import WireProtocol

/// A port for winners: the native one or a dialect's.
struct ConsultListener {
    private let loops: EventLoops<ConsultLoop>
    private let listener: Listener

    /// Opens the port; blocks.
    ///
    /// - Parameter count: the number of event loops; nil for one per two cores.
    /// - Throws: ``ListenFailure``.
    init(
        _ endpoint: Endpoint, key: String, dialect: (any Dialect)?, loops count: Int?, connections: ConnectionCount,
        ends: ConnectionEnds, figures: ConsultFigures, draws: KnownDraws, load: @escaping @Sendable (DrawID) -> Void,
        deadlines: ConnectionDeadlines, gate: AgencyGate,
        tls: ServerTLS?, log: EventLog
    ) throws {
        var settings = FramedSettings(
            framing: dialect?.framing ?? .native, window: 1, firstWindow: 1,
            maxFrameBytes: Limits.maxConsultFrameBytes, firstMaxFrameBytes: Limits.maxConsultFrameBytes,
            firstFrameBytes: .max, deadlines: deadlines,
            // An agency of a dialect connects to this port at its start and is silent until it has sent its bets.
            isKnownAtOnce: dialect != nil, isNative: dialect == nil)
        settings.isEncrypted = tls != nil
        let name = dialect?.winnersName ?? "winners"
        settings.didEnd = { ends.count(name, $0) }
        let loops = try EventLoops(
            count: count, connections: connections, sweepInterval: .milliseconds(250),
            readBytes: Limits.maxConsultReadBytes,
            makeLoop: { eventLoop, readBuffer in
                ConsultLoop(
                    eventLoop: eventLoop, readBuffer: readBuffer, draws: draws, load: load,
                    clock: SystemCall.unixMilliseconds, figures: figures, log: log)
            },
            sweep: { $0.sweep() })
        let secure = tls.map { Listener.Secure($0, gate: gate, deadline: deadlines.hello, log: log) }
        let setup = Listener.Setup(
            key: key, busy: dialect == nil ? Message.busy.encoded : [], secure: secure,
            didEnd: { ends.count(name, $0) }, didFailToAccept: { log(.acceptFailed(port: name, reason: $0)) })
        do {
            listener = try Listener(endpoint, setup, on: loops) { [settings] loop, accepted in
                let peer = Peer(
                    address: PeerAddress(accepted.channel.remoteAddress?.ipAddress ?? ""),
                    dialect: dialect?.winnersName,
                    key: accepted.client.map { SecretDigest(of: $0.publicKey) }, isEncrypted: settings.isEncrypted)
                return ConsultChannel.handler(
                    loop: loop, session: ConsultSession(gate: gate, peer: peer), peer: accepted.peer,
                    settings: settings, dialect: dialect, slot: accepted.slot, since: accepted.since)
            }
        } catch {
            loops.end()
            throw error
        }
        self.loops = loops
    }

    var address: String { listener.address }

    /// Answers from a published draw, parked questions too, on all loops.
    func publish(_ winners: WinnersFile, draw: DrawID) {
        loops.onEachLoop { $0.publish(winners, draw: draw) }
    }

    func withdraw(_ draw: DrawID) {
        loops.onEachLoop { $0.withdraw(draw) }
    }

    /// Ends the questions about a draw that cannot be loaded.
    func failParked(_ draw: DrawID) {
        loops.onEachLoop { $0.failParked(draw) }
    }

    /// Ends the parked questions of peers that a new roster does not let in.
    func recheck() {
        loops.onEachLoop { $0.recheck() }
    }

    func update(_ draws: KnownDraws) {
        loops.onEachLoop { $0.update(draws) }
    }

    /// Closes the port but no connection; blocks.
    func stopAccepting() {
        listener.stopAccepting()
    }

    func closeConnections() {
        loops.onEachLoop { $0.closeAll() }
    }

    func end() {
        loops.end()
    }
}
