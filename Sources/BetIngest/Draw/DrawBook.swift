import Domain
import Identity
import Ledger
import Platform
import Shell
import Storage

/// The draws of the service: opens them, recovers them, and hands each event to the lifecycle of its draw.
///
/// Isolation: the main thread, "the main process draws"; connections find draws in ``OpenDraws``.
struct DrawBook {
    /// How the service was started.
    struct Setup: Sendable {
        let configuration: ServiceConfiguration
        /// The roster says which agencies a draw has.
        var gate = AgencyGate()
        /// The version of this program; ledgers record it.
        let program: String
        /// Whether a draw of the configuration without a ledger is an error.
        let expectsLedger: Bool
    }

    private let setup: Setup
    private let draws: OpenDraws
    private let inbox: MainInbox
    let office: DrawOffice
    private(set) var lifecycles: [DrawID: DrawLifecycle] = [:]
    private var threads: [DrawID: NamedThread] = [:]
    /// Whether committers of new draws get a thread; simulations step them.
    private var hasThreads = false
    private var final: Set<DrawID> = []
    private var damaged: Set<DrawID> = []

    init(_ setup: Setup, draws: OpenDraws, inbox: MainInbox, office: DrawOffice) {
        self.setup = setup
        self.draws = draws
        self.inbox = inbox
        self.office = office
    }

    /// The opener of the draw of the configuration.
    private static let configuration = "configuration"

    var configuration: ServiceConfiguration { setup.configuration }
    private var data: DataFolder { configuration.folder.data }
    /// The draw of the configuration; nil if a calendar opens the draws.
    private var configuredDraw: DrawID? { configuration.calendar == nil ? configuration.draw : nil }

    /// The agencies of a draw that opens now.
    private func expected() -> DrawAgencies {
        setup.gate.expected(on: Birthdate(unixMilliseconds: office.clock())) ?? DrawAgencies(configuration.agencies)
    }

    func folder(_ draw: DrawID) -> DrawFolder { DrawFolder(data: data.path, draw: draw) }

    /// The draws that are not final, or whose ledgers are still open.
    var all: [DrawLifecycle] { lifecycles.values.sorted { $0.draw.id.name < $1.draw.id.name } }

    subscript(draw: DrawID) -> DrawLifecycle? { lifecycles[draw] }

    /// Whether a draw was opened, now or earlier.
    func exists(_ draw: DrawID) -> Bool {
        let folder = folder(draw)
        return lifecycles[draw] != nil || final.contains(draw) || office.events.isOver(draw)
            || [folder.terms, folder.progress, folder.result, folder.void].contains { office.disk.stamp($0) != nil }
    }

    /// Whether a draw is published or void.
    func isDone(_ draw: DrawID) -> Bool {
        guard let state = lifecycles[draw]?.state else { return false }
        return state == .published || state == .void && DrawState.isFinal(folder(draw), on: office.disk)
    }
}

// MARK: - Start and stop

extension DrawBook {
    /// Recovers every draw that is not final, and seals those whose cut-off passed while the service was down.
    ///
    /// Reads no ledger of a final draw, except that of the configuration's draw.
    ///
    /// - Parameter ledgerID: makes the identity of a new ledger.
    /// - Returns: false after a stop.
    /// - Throws: as ``DrawRecovery``.
    mutating func recover(ledgerID: () -> UInt64 = { .random(in: 1...UInt64.max) }) throws -> Bool {
        try office.disk.makeFolder(data.draws)
        for name in try office.disk.names(in: data.draws) {
            guard let draw = DrawID(name), draw != configuredDraw else { continue }
            let folder = folder(draw)
            if DrawState.isFinal(folder, on: office.disk) {
                final.insert(draw)
            } else if office.disk.stamp(folder.terms) != nil {
                guard try recoverUnlessDamaged(draw, ledgerID: ledgerID()) else { return false }
            }
        }
        draws.setFinal(final)
        for draw in office.events.unpublished where office.disk.stamp(folder(draw).result) != nil {
            var event = DrawEvent(.published, draw: draw, time: office.now)
            event.recovered = true
            try office.events.append(event)
        }
        if let configuredDraw {
            try office.disk.makeFolder(folder(configuredDraw).path)
            if try !openFromRoster(configuredDraw, ledgerID: ledgerID) {
                guard try recover(configuredDraw, ledgerID: ledgerID()) else { return false }
            }
        } else {
            try loadLastPublished()
        }
        return true
    }

    /// Opens the configuration's draw with terms: the agencies of the roster are fixed from then on, and all nodes of a
    /// cluster have the same.
    ///
    /// - Returns: false if there is neither a roster nor a cluster, or if the draw has begun.
    private mutating func openFromRoster(_ draw: DrawID, ledgerID: () -> UInt64) throws -> Bool {
        guard setup.gate.hasRoster || office.cluster != nil, !setup.expectsLedger, !exists(draw) else { return false }
        let opening = DrawOpening(
            draw: draw, opens: office.now, cutOff: nil, number: configuration.numberSource, by: Self.configuration)
        do {
            try open(opening, ledgerID: ledgerID())
            return true
        } catch DrawFolderFault.termsMissing {
            return false  // It has bets from before there was a roster.
        }
    }

    /// Starts the committers' threads.
    mutating func startThreads() {
        hasThreads = true
        for (id, lifecycle) in lifecycles { startThread(id, lifecycle.draw) }
    }

    private mutating func startThread(_ id: DrawID, _ draw: OpenDraw) {
        if hasThreads { threads[id] = NamedThread("committer") { draw.committer.run() } }
    }

    /// Commits and answers what is staged, and closes every ledger.
    ///
    /// Blocks.
    mutating func stop() {
        for lifecycle in lifecycles.values { lifecycle.draw.committer.stop() }
        for lifecycle in all {
            if let thread = threads.removeValue(forKey: lifecycle.draw.id) {
                thread.join()
            } else {
                lifecycle.draw.committer.run()
            }
            office.log(.closed("ledger \(lifecycle.folder.ledger)"))
        }
    }

    /// Makes the result published last available to dialects, whose agencies cannot name a draw.
    private func loadLastPublished() throws {
        let newest = final.compactMap { draw in office.disk.stamp(folder(draw).result).map { (draw, $0.changed) } }
            .max { ($0.1, $0.0.name) < ($1.1, $1.0.name) }
        guard let draw = newest?.0 else { return }
        let published: PublishedDraw
        do {
            published = try PublishedDraw(folder(draw), on: office.disk)
        } catch  where Self.isDamage(error) {
            return office.log(.drawDamaged(draw, reason: "\(error)"))
        }
        let consultations = DialectConsultations()
        consultations.publish(published)
        draws.published(
            .init(
                entry: DrawEntry(draw: draw, agencies: DrawAgencies(published.result.agencyCount)),
                consultations: consultations))
    }

    /// Recovers a draw; one that is damaged does not stop the others.
    ///
    /// - Returns: false after a stop.
    private mutating func recoverUnlessDamaged(_ id: DrawID, ledgerID: UInt64) throws -> Bool {
        do {
            return try recover(id, ledgerID: ledgerID)
        } catch  where Self.isDamage(error) {
            try setAside(id, "\(error)")
            return true
        }
    }

    /// Records that a draw is damaged: it takes no bets until its files are restored and the service is restarted.
    private mutating func setAside(_ id: DrawID, _ reason: String) throws {
        var event = DrawEvent(.damageFound, draw: id, time: office.now)
        event.reason = reason
        try office.events.append(event)
        office.log(.drawDamaged(id, reason: reason))
        draws.setDamaged(id)
    }

    /// Whether an error is of one draw's files, and not of the disk or the service.
    private static func isDamage(_ error: any Error) -> Bool {
        switch error {
        case LedgerError.damaged, LedgerError.badHeader, LedgerError.unknownKind: true
        case is DrawDocumentError, is DrawFolderFault, is PublishedDrawError, is DrawResultError: true
        default: false
        }
    }

    /// Opens the ledger of a draw and continues its lifecycle.
    ///
    /// - Returns: false after a stop.
    mutating func recover(_ id: DrawID, ledgerID: UInt64, isOpening: Bool = false) throws -> Bool {
        let expected = expected()
        let recovery = try DrawRecovery(
            folder(id), agencies: expected.last, expectsLedger: setup.expectsLedger,
            isReplica: office.cluster != nil, on: office.disk, time: office.clock(), ledgerID: ledgerID,
            isStopping: office.isStopping)
        guard let recovery else { return false }
        let draw = try OpenDraw(
            recovery, configured: expected, program: setup.program, office: office, inbox: inbox)
        var lifecycle = DrawLifecycle(
            draw, recovery: recovery, source: recovery.terms?.number ?? configuration.numberSource, office: office)
        draws.add(draw)
        if recovery.published != nil { draws.published(.init(entry: draw.entry, consultations: draw.consultations)) }
        lifecycles[id] = lifecycle
        try lifecycle.resume(recovery, isOpening: isOpening)
        lifecycles[id] = lifecycle
        // A seal that is due is durable before a port opens.
        _ = draw.committer.commitStaged()
        if let failure = inbox.failure { throw failure }
        startThread(id, draw)
        return true
    }
}

// MARK: - Events

extension DrawBook {
    /// Opens a draw, durably, unless it has been opened.
    ///
    /// The ledger first: terms without a ledger mean that the ledger is lost.
    ///
    /// - Throws: as ``DrawRecovery``; ``DiskError``.
    mutating func open(_ opening: DrawOpening, ledgerID: UInt64 = .random(in: 1...UInt64.max)) throws {
        let folder = folder(opening.draw)
        guard lifecycles[opening.draw] == nil, office.disk.stamp(folder.terms) == nil else { return }
        try office.disk.makeFolder(folder.path)
        var terms = DrawTerms(
            draw: opening.draw, ledgerID: DrawResult.text(ledgerID: ledgerID), opens: opening.opens,
            cutOff: opening.cutOff, agencies: expected(), number: opening.number, openedBy: opening.by)
        if let cluster = office.cluster {
            let stored = try cluster.create(terms)
            if opening.by == Self.configuration, let fault = stored.difference(from: terms) {
                throw ConfigurationError([fault])
            }
            return try open(stored)
        }
        let identity = try emptyLedger(folder, ledgerID: ledgerID, time: office.clock())
        terms.ledgerID = DrawResult.text(ledgerID: identity)
        try terms.write(to: folder, on: office.disk)
        _ = try recover(opening.draw, ledgerID: identity, isOpening: true)
    }

    /// Opens a draw of the calendar; a folder of its name that cannot be used does not stop the others.
    ///
    /// - Throws: as ``open(_:ledgerID:)``, damage excepted.
    mutating func openPlanned(_ opening: DrawOpening) throws {
        guard !damaged.contains(opening.draw) else { return }
        do {
            try open(opening)
        } catch  where Self.isDamage(error) {
            damaged.insert(opening.draw)
            try setAside(opening.draw, "\(error)")
        }
    }

    /// Creates the ledger of a new draw, or finds the one that a crash left without terms.
    ///
    /// - Returns: its identity.
    /// - Throws: ``LedgerError``; ``DrawFolderFault/termsMissing(path:)`` for a ledger that is not empty.
    func emptyLedger(_ folder: DrawFolder, ledgerID: UInt64, time: UInt64) throws -> UInt64 {
        guard office.disk.stamp(folder.ledger) != nil else {
            let header = LedgerHeader(draw: folder.draw, ledgerID: ledgerID, createdAt: time)
            try LedgerWriter.create(at: folder.ledger, header: header, on: office.disk)
            return ledgerID
        }
        let contents = try LedgerContents(reading: folder.ledger, on: office.disk)
        guard contents.chunkCount == 0, contents.standings.seal == nil else {
            throw DrawFolderFault.termsMissing(path: folder.terms)
        }
        return contents.header.ledgerID
    }

    /// Hands an event of a draw to its lifecycle.
    ///
    /// - Throws: ``LedgerError``, ``DiskError``, ``DrawDocumentError``.
    mutating func handle(_ event: MainInbox.Event) throws {
        switch event {
        case .agencyFinished(let draw): lifecycles[draw]?.draw.progress.write()
        case .allAgenciesFinished(let draw): lifecycles[draw]?.close()
        case .late(let draw, let agencies): try lifecycles[draw]?.late(agencies)
        case .sealed(let draw, let seal): try change(draw) { (lifecycle) throws in try lifecycle.sealed(seal) }
        case .damaged(let draw, let reason): try lifecycles[draw]?.damaged(reason)
        case .document(let draw, let name, let bytes): try take(name, bytes, of: draw)
        case .agenciesEnded(let draw, let agencies): lifecycles[draw]?.draw.stream?.hear(agencies)
        case .command(let command): try handle(command)
        case .failed, .rejected, .stop, .openingsDue, .clockStepped, .rosterChanged, .certificateChanged, .denied: break
        }
    }

    mutating func change<Outcome>(
        _ id: DrawID, _ body: (inout DrawLifecycle) throws -> Outcome
    ) throws -> Outcome? {
        guard var lifecycle = lifecycles[id] else { return nil }
        defer { lifecycles[id] = lifecycle }
        let outcome = try body(&lifecycle)
        if lifecycle.state == .published {
            draws.published(.init(entry: lifecycle.draw.entry, consultations: lifecycle.draw.consultations))
        }
        return outcome
    }

    /// Closes the ledgers of final draws that nobody uses.
    mutating func retire() {
        for (id, lifecycle) in lifecycles where id != configuredDraw {
            guard DrawState.isFinal(lifecycle.folder, on: office.disk), draws.retire(id) else { continue }
            lifecycle.draw.committer.stop()
            if let thread = threads.removeValue(forKey: id) { thread.join() } else { lifecycle.draw.committer.run() }
            lifecycles[id] = nil
            final.insert(id)
        }
    }

    /// Carries out an operator's command, and replies.
    ///
    /// - Throws: what ends the service; a ``CommandFault`` is replied.
    private mutating func handle(_ command: OperatorCommand) throws {
        do {
            command.reply(.success(try perform(command)))
        } catch let fault as CommandFault {
            command.reply(.failure(fault))
        } catch {
            command.reply(.failure(CommandFault("the service ends: \(error)")))
            throw error
        }
    }

    private mutating func perform(_ command: OperatorCommand) throws -> String {
        switch command.action {
        case .open(let opening):
            if exists(opening.draw) { throw CommandFault("there is a draw \(opening.draw) already") }
            if let cutOff = opening.cutOff, cutOff <= office.now {
                throw CommandFault("the cut-off \(cutOff) has passed; it is \(office.now)")
            }
            do {
                try open(opening)
            } catch  where Self.isDamage(error) {
                throw CommandFault("\(error)")
            }
            if let terms = lifecycles[opening.draw]?.terms, terms.cutOff != opening.cutOff {
                throw CommandFault("another node has opened a draw \(opening.draw), with other terms")
            }
            return "draw \(opening.draw) is open" + (opening.cutOff.map { " until \($0)" } ?? "")
        case .close(let draw):
            return try operate(draw) { lifecycle in
                try lifecycle.close(by: command.user)
                return "draw \(draw) takes no more bets"
            }
        case .moveCutOff(let draw, let cutOff):
            return try operate(draw) { lifecycle in
                try lifecycle.moveCutOff(to: cutOff, by: command.user)
                return "draw \(draw) closes at \(cutOff)"
            }
        case .enterNumber(let draw, let number):
            return try operate(draw) { lifecycle in
                try lifecycle.enter(number, by: command.user)
                    ? "the number of draw \(draw) is known: both entries agree"
                    : "draw \(draw) has one entry of its number; enter it once more"
            }
        case .makeVoid(let draw, let reason):
            return try operate(draw) { lifecycle in
                try lifecycle.makeVoid(reason: reason, by: command.user)
                return "draw \(draw) is void"
            }
        }
    }

    private mutating func operate(
        _ draw: DrawID, _ body: (inout DrawLifecycle) throws -> String
    ) throws -> String {
        if let text = try change(draw, body) { return text }
        if let planned = draws.planned.first(where: { $0.draw == draw }) {
            throw CommandFault("draw \(draw) opens at \(planned.opens); change calendar.yaml and restart the service")
        }
        throw CommandFault(
            final.contains(draw) ? "draw \(draw) is closed and its ledger is not in use" : "there is no draw \(draw)")
    }
}
