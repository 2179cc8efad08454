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
    let contents: LedgerContents
    private let loop: EmbeddedEventLoop
    private let ingestLoop: IngestLoop
    private let inbox: MainInbox
    private var lifecycle: DrawLifecycle
    private let configuration: ServiceConfiguration

    /// Starts the service: recovery and everything else before the ports are open.
    ///
    /// - Throws: the error that ends the process.
    init(
        _ configuration: ServiceConfiguration, on disk: any Disk, loop: EmbeddedEventLoop, ledgerID: UInt64,
        clock: @escaping @Sendable () -> UInt64
    ) throws {
        let inbox = MainInbox()
        let recovery = try DrawRecovery(
            configuration.folder, agencies: configuration.agencies, on: disk, time: clock(), ledgerID: ledgerID,
            isStopping: { false })
        guard let recovery else { preconditionFailure("recovery stopped without a stop signal") }
        core = try IngestCore(
            configuration: configuration, program: "simulated", contents: recovery.contents,
            published: recovery.published, inbox: inbox, disk: disk, clock: clock, log: .silent)
        lifecycle = DrawLifecycle(
            folder: configuration.folder, winningNumber: configuration.winningNumber, agencies: core.agencies,
            recovery: recovery, committer: core.desk.committer, consultations: core.desk.consultations, disk: disk,
            log: .silent, isStopping: { false })
        contents = recovery.contents
        ingestLoop = IngestLoop(
            eventLoop: loop, readBuffer: ReadBuffer(byteCount: Limits.maxReadBytes), queue: core.desk.queue,
            budget: core.budget, log: .silent)
        self.inbox = inbox
        self.loop = loop
        self.configuration = configuration
    }

    func connect(_ dialect: (any Dialect)?, peer: String) -> SimulatedConnection {
        let handler = IngestChannel.handler(loop: ingestLoop, port: port(dialect), peer: peer, slot: nil)
        return SimulatedConnection(handler, loop: loop)
    }

    deinit {
        core.desk.queue.shutDown()
        core.desk.committer.abandon()
        core.desk.consultations.abandon()
    }

    func port(_ dialect: (any Dialect)?) -> IngestPort {
        IngestPort(configuration, agencies: core.agencies, dialect: dialect, desk: core.desk)
    }

    /// Runs one turn of a worker.
    func work() {
        let queue = core.desk.queue
        guard !queue.isEmpty, let connection = queue.waitForNextConnection() else { return }
        core.worker.takeTurn(connection)
    }

    /// Commits everything that is staged.
    func commit() {
        _ = core.desk.committer.commitStaged()
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
        case .agenciesFinished(let agencies)?: lifecycle.agenciesFinished(agencies)
        case .allAgenciesFinished?: lifecycle.close()
        case .sealed(let seal)?: try lifecycle.draw(seal)
        case .stop?, nil: break
        }
    }

    /// Stops the service as a stop signal does: commits and answers everything staged, then closes everything.
    ///
    /// - Throws: the error that ended the committer.
    func stop() throws {
        core.desk.queue.shutDown()
        core.desk.committer.stop()
        core.desk.committer.run()
        loop.run()
        ingestLoop.closeAll()
        loop.run()
        if let failure = inbox.failure { throw failure }
    }
}
