import Connections
import Dialects
import Domain
import Ledger
import NIOCore
import NIOEmbedded
import Shell
import Storage
import TestKit

@testable import BetIngest

/// The ingest service as a process of the simulation: the shipped parts, stepped instead of run on threads.
final class SimulatedIngest {
    let core: IngestCore
    private let loop: EmbeddedEventLoop
    private let ingestLoop: IngestLoop
    private let inbox = MainInbox()
    private let disk: any Disk
    private var main: IngestMain
    private let clock: DrawClock
    private let configuration: ServiceConfiguration

    /// Starts the service: recovery and everything else before the ports are open.
    ///
    /// - Throws: the error that ends the process.
    init(
        _ configuration: ServiceConfiguration, on disk: any Disk, loop: EmbeddedEventLoop, ledgerID: UInt64,
        schedule: DrawSchedule? = nil, clock: @escaping @Sendable () -> UInt64
    ) throws {
        try disk.makeFolder(configuration.folder.data.draws)
        core = IngestCore(configuration: configuration, clock: clock, log: .silent)
        ingestLoop = IngestLoop(
            eventLoop: loop, readBuffer: ReadBuffer(byteCount: Limits.maxReadBytes), queue: core.desk.queue,
            budget: core.budget, log: .silent)
        let office = DrawOffice(
            disk: disk, clock: clock, log: .silent, events: try DrawEvents(configuration.folder.data, on: disk),
            configuredNumber: configuration.winningNumber, needsFourEyes: configuration.operators.needFourEyes,
            isStopping: { false })
        let setup = DrawBook.Setup(configuration: configuration, program: "simulated", expectsLedger: false)
        self.clock = DrawClock(draws: core.desk.draws, inbox: inbox, clock: clock)
        main = IngestMain(setup, core, schedule: schedule, clock: self.clock, office: office)
        self.loop = loop
        self.disk = disk
        self.configuration = configuration
        _ = try main.start(DrawEvent(.serviceStarted, time: office.now)) { ledgerID }
    }

    /// The committer of the configuration's draw.
    var committer: any DrawCommitter {
        guard let draw = main.book[configuration.draw]?.draw else { preconditionFailure("the draw is not open") }
        return draw.committer
    }

    /// Reads the ledger of the configuration's draw.
    func contents() throws -> LedgerContents {
        try LedgerContents(reading: configuration.folder.ledger, on: disk)
    }

    func connect(_ dialect: (any Dialect)?, peer: String) -> SimulatedConnection {
        let handler = IngestChannel.handler(loop: ingestLoop, port: port(dialect), peer: peer, slot: nil)
        return SimulatedConnection(handler, loop: loop)
    }

    deinit {
        core.desk.queue.shutDown()
        for draw in core.desk.draws.all {
            draw.committer.abandon()
            draw.consultations.abandon()
        }
    }

    func port(_ dialect: (any Dialect)?) -> IngestPort {
        IngestPort(configuration, dialect: dialect, desk: core.desk)
    }

    /// Runs one turn of a worker.
    func work() {
        let queue = core.desk.queue
        guard !queue.isEmpty, let connection = queue.waitForNextConnection() else { return }
        core.worker.takeTurn(connection)
    }

    /// Commits everything that is staged.
    func commit() {
        for draw in core.desk.draws.all { _ = draw.committer.commitStaged() }
    }

    func sweep() {
        ingestLoop.connections.sweep()
    }

    /// Handles one event of the main thread.
    ///
    /// - Throws: the error that ends the process.
    func handleEvent() throws {
        switch inbox.takeNextEvent() {
        case .failed(let error)?: throw error
        case let event?: try main.handle(event)
        case nil: break
        }
    }

    /// Runs the thread of the clock once.
    func tick() { clock.tick() }

    /// Tells the main thread that the wall clock was set.
    func stepClock(milliseconds: Int) { inbox.post(.clockStepped(milliseconds: milliseconds)) }

    /// The draws that are not final, or whose ledgers are still open.
    var draws: [DrawLifecycle] { main.book.all }

    /// Commands the service as an operator does.
    func command(
        _ action: OperatorCommand.Action, by user: String,
        reply: @escaping @Sendable (Result<String, CommandFault>) -> Void = { _ in }
    ) {
        inbox.post(.command(OperatorCommand(action: action, user: user, reply: reply)))
    }

    /// Stops the service as a stop signal does: commits and answers everything staged, then closes everything.
    ///
    /// - Throws: the error that ended the committer.
    func stop() throws {
        core.desk.queue.shutDown()
        main.stop()
        loop.run()
        ingestLoop.closeAll()
        loop.run()
        if let failure = inbox.failure { throw failure }
    }
}
