import Connections
import Control
import Dialects
import Domain
import Identity
import Ledger
import Monitoring
import NIOConcurrencyHelpers
import NIOCore
import Platform
import Shell
import Storage
import TLS

/// The winners service from start to exit.
///
/// It reads only the published files of the data folder, so it may start before, during or after the ingest service and
/// outlive it.
///
/// Isolation: the main thread, which also checks the files every 5 ms, so that parked questions are answered within
/// 5 ms of the publication.
struct ConsultService {
    let configuration: ServiceConfiguration
    let gate: AgencyGate
    /// Nil: port 2 is plain.
    let tls: ServerTLS?
    let log: EventLog
    /// The name of the stop signal, once one has arrived.
    let stopSignal: Monitor<String?>
    let disk: any Disk
    /// The interval between checks, each three or four calls of stat(2): less than 1% of a core.
    private static let lookInterval = Duration.milliseconds(5)
    private static let reloadInterval = Duration.milliseconds(250)

    /// Serves until a stop signal; blocks.
    func run() throws {
        log(.config(configuration.values))
        if let tls { log(.certificate(endsAt: tls.status.validTo)) }
        if !gate.hasRoster { log(.noRoster(address: "\(configuration.winners.listen)")) }
        var published = PublishedDraws(configuration, on: disk)
        let status = NIOLockedValueBox(WinnersStatus(published, isRunning: true))
        var control: ControlServer?
        var hasTriedControl = false
        defer { control?.stop() }
        var lastReload = ContinuousClock.now
        let requests = NIOLockedValueBox<Set<DrawID>>([])
        let ingest = configuration.ingest
        let deadlines = ConnectionDeadlines(
            hello: ingest.helloDeadline, frame: ingest.frameDeadline, idle: ingest.idleDeadline)
        let connections = ConnectionCount(
            max: configuration.winners.maxConnections, maxPerAddress: configuration.winners.maxPerAddress)
        let metrics = WinnersMetrics(
            figures: ConsultFigures(), ends: ConnectionEnds(), connections: connections, gate: gate, tls: tls,
            program: ProgramVersion.text, lostLines: { [log] in log.lostLines })
        var listeners: [ConsultListener] = []
        defer { close(listeners, connections) }
        for (name, key, endpoint, dialect) in configuration.winnersPorts {
            let listener = try ConsultListener(
                endpoint, key: key, dialect: dialect, loops: ingest.loops, connections: connections,
                ends: metrics.ends, figures: metrics.figures, draws: published.known,
                load: { draw in requests.withLockedValue { _ = $0.insert(draw) } },
                deadlines: deadlines, gate: gate, tls: dialect == nil ? tls : nil, log: log)
            listeners.append(listener)
            log(.acceptConnections(port: name, address: listener.address))
        }
        if configuration.cluster != nil { try disk.makeFolder(configuration.folder.path) }
        let results = configuration.cluster.map { ClusterResults(configuration, $0, on: disk, log: log) }
        let thread = results.map { results in NamedThread("results") { results.run() } }
        defer {
            results?.stop()
            thread?.join()
        }
        SystemCall.forgetStartupPages()
        while true {
            // It never makes the data folder, which may not be mounted yet.
            if !hasTriedControl, disk.stamp(configuration.data) != nil {
                hasTriedControl = true
                control = openControl(status, metrics)
            }
            let wanted = requests.withLockedValue { wanted in
                defer { wanted = [] }
                return wanted
            }
            if lastReload + Self.reloadInterval <= .now {
                lastReload = .now
                reload(listeners)
            }
            let changes = published.changes() + wanted.flatMap { published.load($0) }
            for change in changes { tell(listeners, change, published.known) }
            if !changes.isEmpty {
                let now = WinnersStatus(published, isRunning: true)
                status.withLockedValue { $0 = now }
            }
            let signal = stopSignal.wait(until: .now + Self.lookInterval) { $0 }
            if let signal {
                log(.stopRequested(by: signal))
                return
            }
        }
    }

    /// Reads roster and certificate if they have changed.
    private func reload(_ listeners: [ConsultListener]) {
        if let change = tls?.reload() { log(.certificateChanged(change)) }
        switch gate.reload() {
        case .replaced(let change, _):
            log(.rosterChanged("\(change)"))
            for listener in listeners { listener.recheck() }
        case .faulty(let reason):
            log(.rosterFaulty(reason: reason))
        case nil:
            break
        }
    }

    /// Opens the control socket; without it the service runs on.
    private func openControl(_ status: NIOLockedValueBox<WinnersStatus>, _ metrics: WinnersMetrics) -> ControlServer? {
        let path = configuration.folder.data.winnersSocket
        do {
            return try ControlServer(path, users: configuration.operators.users) { request, _, reply in
                var now = status.withLockedValue { $0 }
                switch request {
                case .status:
                    now.roster = gate.status
                    now.tls = tls?.status
                    reply(ControlReply(now))
                case .metrics:
                    reply(ControlReply(metrics.samples(publishedDraws: now.publishedDraws)))
                default:
                    reply(
                        .failed(
                            "winners-service answers {\"status\":{}} and {\"metrics\":{}}; commands go to ingest.sock"))
                }
            }
        } catch {
            log(.controlFailed(path: path, reason: "\(error)"))
            return nil
        }
    }

    /// Blocks up to half a second.
    private func close(_ listeners: [ConsultListener], _ connections: ConnectionCount) {
        for listener in listeners {
            listener.stopAccepting()
            log(.closed("port \(listener.address)"))
        }
        for listener in listeners { listener.closeConnections() }
        connections.waitForNone()
        for listener in listeners { listener.end() }
        log(.closed("connections"))
        log(.loopFinished)
    }

    private func tell(_ listeners: [ConsultListener], _ change: PublishedDraws.Change, _ known: KnownDraws) {
        switch change {
        case .known:
            for listener in listeners { listener.update(known) }
        case .result(let draw, let result, let winners):
            for listener in listeners { listener.publish(winners, draw: draw) }
            log(.resultLoaded(bets: result.bets, number: result.winningNumber))
        case .withdrawn(let draw):
            for listener in listeners { listener.withdraw(draw) }
            if known.published[draw] == nil {
                log(.resultWithdrawn(path: DrawFolder(data: configuration.data, draw: draw).result))
            }
        case .missing(let draw):
            for listener in listeners { listener.failParked(draw) }
        case .waitingForFolder(let path):
            log(.waitingForFolder(path: path))
        case .rejected(let path, let reason):
            log(.resultRejected(path: path, reason: reason))
        }
    }
}

extension ServiceConfiguration {
    /// The native port, and the dialects' separate ports for winners.
    fileprivate var winnersPorts: [(name: String, key: String, endpoint: Endpoint, dialect: (any Dialect)?)] {
        [("winners", "winners.listen", winners.listen, nil)]
            + dialects.filter(\.isWinners).map { ($0.name, "dialects.\($0.name)", $0.endpoint, $0.dialect) }
    }
}
