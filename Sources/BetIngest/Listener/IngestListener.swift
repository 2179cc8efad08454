import Connections
import Domain
import Identity
import Monitoring
import NIOCore
import Platform
import Shell
import TLS
import WireProtocol

/// The ports of the ingest service: port 1, and one for each enabled dialect.
struct IngestListener {
    let ports: [(name: String, listener: Listener)]
    private let loops: EventLoops<IngestLoop>
    private let connections: ConnectionCount

    /// Opens the ports.
    ///
    /// Blocks until they are open.
    ///
    /// - Parameters:
    ///   - count: the number of event loops; nil: one for each two cores.
    ///   - secure: TLS of port 1; nil: it is plain.
    /// - Throws: ``ListenFailure``. Then nothing is left open.
    init(
        _ ports: [(port: IngestPort, endpoint: Endpoint)], loops count: Int?, connections: ConnectionCount,
        ends: ConnectionEnds, queue: ConnectionQueue, budget: FrameBudget, secure: Listener.Secure?, log: EventLog
    ) throws {
        let loops = try EventLoops(
            count: count, connections: connections, sweepInterval: .seconds(1),
            readBytes: Limits.maxReadBytes,
            makeLoop: { IngestLoop(eventLoop: $0, readBuffer: $1, queue: queue, budget: budget, log: log) },
            sweep: { $0.connections.sweep() })
        var opened: [(name: String, listener: Listener)] = []
        do {
            for (port, endpoint) in ports {
                let isNative = port.dialect == nil
                let setup = Listener.Setup(
                    key: port.key, busy: isNative ? Message.busy.encoded : [], secure: isNative ? secure : nil,
                    didEnd: { ends.count(port.name, $0) },
                    didFailToAccept: { log(.acceptFailed(port: port.name, reason: $0)) })
                let listener = try Listener(endpoint, setup, on: loops) { loop, accepted in
                    let key = accepted.client.map { SecretDigest(of: $0.publicKey) }
                    if let key, let client = accepted.client {
                        port.desk.gate.noteCertificate(of: key, endsAt: client.endsAt)
                    }
                    return IngestChannel.handler(
                        loop: loop, port: port, peer: accepted.peer, key: key, slot: accepted.slot,
                        since: accepted.since
                    )
                }
                opened.append((port.name, listener))
            }
        } catch {
            for (_, listener) in opened { listener.stopAccepting() }
            loops.end()
            throw error
        }
        self.loops = loops
        self.connections = connections
        self.ports = opened
    }

    /// Closes the ports.
    ///
    /// Connections stay open. Blocks until the ports are closed.
    func stopAccepting() {
        for (_, listener) in ports { listener.stopAccepting() }
    }

    /// Tells every connection that the service stops.
    ///
    /// Blocks for up to half a second.
    func close() {
        loops.onEachLoop { $0.closeAll() }
        connections.waitForNone()
        loops.end()
    }
}
