import Control
import Domain
import Ledger
import NIOCore
import Platform
import Shell
import Storage

/// The ingest service from start to exit.
///
/// Isolation: the main thread.
struct IngestService {
    let configuration: ServiceConfiguration
    /// Nil without a calendar: then the draw is that of the configuration.
    let schedule: DrawSchedule?
    let log: EventLog
    /// The version of this program; ledgers record it.
    let program: String
    let exitAfterDraw: Bool
    /// Whether a draw without a ledger is an error: the volume with the data may not be mounted.
    let expectsLedger: Bool
    let inbox: MainInbox
    let disk: any Disk
    let clock: @Sendable () -> UInt64

    private var folder: DrawFolder { configuration.folder }

    /// Serves until a stop signal, a fatal error, or the publication with `exitAfterDraw`.
    ///
    /// Blocks.
    func run() throws {
        log(.config(configuration.values))
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
        let core = IngestCore(configuration: configuration, clock: clock, log: log)
        let office = DrawOffice(
            disk: disk, clock: clock, log: log, events: try DrawEvents(folder.data, on: disk),
            configuredNumber: configuration.winningNumber, needsFourEyes: configuration.operators.needFourEyes,
            isStopping: { inbox.isStopping })
        let setup = DrawBook.Setup(configuration: configuration, program: program, expectsLedger: expectsLedger)
        var book = DrawBook(setup, draws: core.desk.draws, inbox: inbox, office: office)
        let lastEvent = office.events.lastTime
        try office.events.append(started(at: office.now))
        guard try book.recover() else {
            log(.stopRequested(by: inbox.stopSignal ?? ""))
            return
        }
        let drawClock = DrawClock(draws: core.desk.draws, inbox: inbox, clock: clock)
        try openDue(&book, since: lastEvent, core, drawClock, office)
        let running = try RunningIngest(core, configuration: configuration, clock: drawClock, log: log)
        book.startThreads()
        let control = openControl(core)
        defer { control?.stop() }
        SystemCall.forgetStartupPages()
        let outcome = Result { try serve(&book, core, drawClock, office) }
        running.stop { book.stop() }
        try outcome.get()
        if let failure = inbox.failure { throw failure }  // A commit failed while everything was closed.
        try office.events.append(DrawEvent(.serviceStopped, time: office.now))
    }

    /// Handles events on the main thread until the service must stop.
    private func serve(_ book: inout DrawBook, _ core: IngestCore, _ drawClock: DrawClock, _ office: DrawOffice) throws
    {
        while !(exitAfterDraw && book.isDone(configuration.draw)) {
            let event = inbox.waitForNextEvent()
            switch event {
            case .failed(let error):
                throw error
            case .stop(let signal):
                log(.stopRequested(by: signal))
                return
            case .openingsDue:
                try openDue(&book, since: nil, core, drawClock, office)
            case .clockStepped(let milliseconds):
                var stepped = DrawEvent(.clockStepped, time: office.now)
                stepped.stepMilliseconds = milliseconds
                try office.events.append(stepped)
                log(.clockStepped(milliseconds: milliseconds))
            default:
                try book.handle(event)
            }
        }
    }

    /// Opens the draws of the calendar that are due, and plans the next.
    ///
    /// - Parameter since: at a start, the time of the last event: draws that opened and closed since then were missed.
    private func openDue(
        _ book: inout DrawBook, since: Instant?, _ core: IngestCore, _ drawClock: DrawClock, _ office: DrawOffice
    ) throws {
        guard let schedule else { return }
        let now = office.now
        for opening in try schedule.openings(at: now) where !book.exists(opening.draw) { try book.open(opening) }
        for missed in try since.map({ try schedule.closed(after: $0, before: now) }) ?? [] {
            guard !book.exists(missed.draw), !office.events.has(.missed, of: missed.draw) else { continue }
            var event = DrawEvent(.missed, draw: missed.draw, time: now, by: missed.by)
            event.cutOff = missed.cutOff
            try office.events.append(event)
            log(.drawMissed(missed.draw))
        }
        book.retire()
        let planned = try schedule.planned(after: now)
        core.desk.draws.plan(Dictionary(planned.map { ($0.draw, $0.opens) }) { first, _ in first })
        drawClock.plan(planned.map(\.opens).min())
    }

    /// Opens the control socket; without it the service runs on.
    private func openControl(_ core: IngestCore) -> ControlServer? {
        let desk = ControlDesk(draws: core.desk.draws, inbox: inbox, clock: clock)
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
        event.configuration = DrawEvent.hash(
            line: configuration.values.map { "\($0.0)=\($0.1)\n" }.joined().utf8)
        return event
    }

    private func takeLock() throws -> FileLock {
        let holder = "bet-ingest, process \(SystemCall.processName()), on \(configuration.ingest.listen)"
        return try FileLock(folder.data.lock, holder: holder, deadline: .seconds(2)) { inbox.isStopping }
    }
}
