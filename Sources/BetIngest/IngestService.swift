import Control
import Domain
import Identity
import Ledger
import NIOCore
import Platform
import ReplicatedLedger
import Shell
import Storage
import TLS

/// The ingest service from start to exit.
///
/// Isolation: the main thread.
struct IngestService {
    let configuration: ServiceConfiguration
    /// Nil without a calendar: then the draw is that of the configuration.
    let schedule: DrawSchedule?
    let gate: AgencyGate
    /// Nil: port 1 is plain.
    let tls: ServerTLS?
    let log: EventLog
    /// The version of this program; ledgers record it.
    let program: String
    let exitAfterDraw: Bool
    /// Whether a draw without a ledger is an error: the volume with the data may not be mounted.
    let expectsLedger: Bool
    let inbox: MainInbox
    /// Nil: the ledgers are files of this machine.
    let node: NodeCluster?
    let disk: any Disk
    let clock: @Sendable () -> UInt64

    private var folder: DrawFolder { configuration.folder }

    /// Serves until a stop signal, a fatal error, or the publication with `exitAfterDraw`.
    ///
    /// Blocks.
    func run() throws {
        log(.config(configuration.values))
        if let tls { log(.certificate(endsAt: tls.status.validTo)) }
        if !gate.hasRoster { log(.noRoster(address: "\(configuration.ingest.listen)")) }
        try disk.makeFolder(folder.data.draws)
        for parent in [parentFolder(of: folder.data.path), folder.data.path, folder.data.draws] {
            try disk.syncFolder(parent)
        }
        do {
            let lock = try takeLock()
            defer {
                withExtendedLifetime(lock) {}
                log(.closed("lock \(folder.data.lock)"))
            }
            try runLocked()
        } catch FileLockError.held where inbox.isStopping {
            log(.stopRequested(by: inbox.stopSignal ?? ""))
        }
    }

    private func runLocked() throws {
        let core = IngestCore(configuration: configuration, gate: gate, clock: clock, log: log)
        let office = DrawOffice(
            disk: disk, clock: clock, log: log, events: try DrawEvents(folder.data, on: disk),
            configuredNumber: configuration.winningNumber, needsFourEyes: configuration.operators.needFourEyes,
            figures: core.figures, cluster: node?.cluster,
            isStopping: { inbox.isStopping })
        let setup = DrawBook.Setup(
            configuration: configuration, gate: gate, program: program, expectsLedger: expectsLedger)
        let drawClock = DrawClock(draws: core.desk.draws, gate: gate, tls: tls, inbox: inbox, clock: clock)
        var main = IngestMain(setup, core, schedule: schedule, clock: drawClock, office: office)
        do {
            guard try main.start(started(at: office.now)) else {
                return log(.stopRequested(by: inbox.stopSignal ?? ""))
            }
        } catch is EngineDocuments.Stopped {
            return log(.stopRequested(by: inbox.stopSignal ?? ""))
        }
        let threads = node?.start(core.desk.draws) ?? []
        defer {
            node?.stop()
            for thread in threads { thread.join() }
        }
        let control = openControl(core, drawClock)
        defer { control?.stop() }
        let running = try RunningIngest(core, configuration: configuration, clock: drawClock, tls: tls, log: log)
        main.startThreads()
        SystemCall.forgetStartupPages()
        let outcome = Result { try serve(&main) }
        running.stop { main.stop() }
        try outcome.get()
        if let failure = inbox.failure { throw failure }  // A commit failed while everything was closed.
        try main.recordDenials()
        try office.events.append(DrawEvent(.serviceStopped, time: office.now))
    }

    /// Handles events on the main thread until the service must stop.
    private func serve(_ main: inout IngestMain) throws {
        while !(exitAfterDraw && main.book.isDone(configuration.draw)) {
            switch inbox.waitForNextEvent() {
            case .failed(let error):
                throw error
            case .rejected(let error):
                throw error
            case .stop(let signal):
                log(.stopRequested(by: signal))
                return
            case let event:
                do {
                    try main.handle(event)
                } catch is EngineDocuments.Stopped {
                    continue  // The stop is in the inbox.
                }
            }
        }
    }

    /// Opens the control socket; without it the service runs on.
    private func openControl(_ core: IngestCore, _ drawClock: DrawClock) -> ControlServer? {
        let metrics = IngestMetrics(
            core: core, tls: tls, program: program, data: folder.data.path, disk: disk,
            steps: { drawClock.stepCount }, lostLines: { [log] in log.lostLines },
            isStopping: { [inbox] in inbox.isStopping },
            cluster: { [node] in node?.current(core.figures.totals) })
        let desk = ControlDesk(
            draws: core.desk.draws, gate: gate, tls: tls, inbox: inbox, clock: clock, metrics: metrics)
        do {
            return try ControlServer(folder.data.ingestSocket, users: configuration.operators.users) {
                desk.handle($0, $1, $2)
            }
        } catch {
            log(.controlFailed(path: folder.data.ingestSocket, reason: "\(error)"))
            return nil
        }
    }

    private func started(at time: Instant) -> DrawEvent {
        var event = DrawEvent(.serviceStarted, time: time)
        event.build = program
        event.sha256 = gate.sha256
        event.configuration = DrawEvent.hash(
            line: configuration.values.map { "\($0.0)=\($0.1)\n" }.joined().utf8)
        return event
    }

    private func takeLock() throws -> FileLock {
        let holder = "bet-ingest, process \(SystemCall.processName()), on \(configuration.ingest.listen)"
        return try FileLock(folder.data.lock, holder: holder, deadline: .seconds(2)) { inbox.isStopping }
    }
}
