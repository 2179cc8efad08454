import Domain
import Ledger
import Shell
import Storage

/// The parts that the lifecycles of all draws share.
///
/// Isolation: the main thread.
struct DrawOffice {
    let disk: any Disk
    let clock: @Sendable () -> UInt64
    let log: EventLog
    let events: DrawEvents
    /// The number of draws whose number is configured.
    let configuredNumber: UInt16
    /// Whether the two entries of a number must come from different users.
    let needsFourEyes: Bool
    /// Of all committers.
    var figures = IngestFigures()
    /// Nil: the ledgers are files of this machine.
    var cluster: DrawCluster?
    /// Called while a draw reads its ledger.
    let isStopping: () -> Bool

    var now: Instant { Instant(milliseconds: clock()) }

    /// Makes a document durable: on a cluster first, where another node may have been faster.
    ///
    /// - Returns: the document that holds.
    /// - Throws: ``DiskError``; on a cluster also ``DrawDocumentError`` and ``EngineDocuments/Stopped``.
    func write<Document: DrawDocument>(_ document: Document, to folder: DrawFolder) throws -> Document {
        let valid = try cluster?.create(document) ?? document
        try valid.write(to: folder, on: disk)
        return valid
    }
}

/// One draw from its opening to its publication, or until it is void.
///
/// Each step is durable before the next one begins. A restart derives the state from the files (``DrawState``) and
/// continues with the next step.
///
/// Isolation: the main thread. It blocks only on the disk; everything else arrives as an event.
struct DrawLifecycle {
    let draw: OpenDraw
    let folder: DrawFolder
    /// When the draw opened; nil for the draw of the configuration.
    let terms: DrawTerms?
    let office: DrawOffice
    private let ledgerID: UInt64
    private let source: DrawTerms.NumberSource
    private var seal: SealRecord?
    private var movedCutOff: Instant?
    /// The first of two entries of the number; it is lost with the process and entered again.
    private(set) var firstEntry: (number: UInt16, by: String)?
    private var facts: OpenDraw.Facts
    private(set) var state: DrawState

    /// Makes the lifecycle of a recovered draw.
    init(_ draw: OpenDraw, recovery: DrawRecovery, source: DrawTerms.NumberSource, office: DrawOffice) {
        self.draw = draw
        self.office = office
        self.source = source
        folder = recovery.folder
        terms = recovery.terms
        ledgerID = recovery.contents.header.ledgerID
        movedCutOff = recovery.move?.cutOff
        state = DrawState(folder, isSealed: recovery.contents.standings.seal != nil, on: office.disk)
        facts = OpenDraw.Facts(
            state: state, terms: terms, number: recovery.published?.result.winningNumber,
            winningBets: recovery.published?.result.winningBets, voidReason: recovery.void?.reason)
        draw.setFacts(facts)
        if state == .void { draw.consultations.makeVoid() }
    }

    /// Continues where the last process ended, or begins.
    ///
    /// - Parameter isOpening: whether this process opens the draw.
    /// - Throws: ``LedgerError``, ``DiskError``, ``DrawDocumentError``.
    mutating func resume(_ recovery: DrawRecovery, isOpening: Bool) throws {
        if let terms, state != .published, !office.events.has(.opened, of: draw.id) {
            try recordOpening(terms, isRecovered: !isOpening)
        }
        if let void = recovery.void, !office.events.has(.void, of: draw.id) {
            try office.events.append(event(of: void, isRecovered: true))
        }
        try recordMissing(recovery)
        if let seal = recovery.contents.standings.seal, let number = seal.number?.number,
            source == .configured, number != office.configuredNumber
        {
            office.log(.numberSealed(number, configured: office.configuredNumber))
        }
        draw.progress.write()
        if let seal = recovery.contents.standings.seal {
            if state != .published { try sealed(seal, isRecovered: true) }
        } else if state == .void {
            draw.committer.seal(.void)
        } else {
            draw.committer.seal(.cutOff)
        }
    }

    /// Records a moved cut-off and late agencies whose events a crash prevented.
    ///
    /// - Throws: ``DiskError``.
    private func recordMissing(_ recovery: DrawRecovery) throws(DiskError) {
        if let move = recovery.move, office.events.cutOff(of: draw.id) != move.cutOff, move.cutOff != terms?.cutOff {
            var event = DrawEvent(.cutOffMoved, draw: draw.id, time: office.now, by: move.movedBy)
            event.cutOff = move.cutOff
            event.recovered = true
            try office.events.append(event)
        }
        let late = draw.committer.snapshot.late
        if state != .published, late.total.chunks > 0, !office.events.has(.late, of: draw.id) {
            try self.late(late.counts.keys.sorted())
        }
    }

    /// Records that the draw opened.
    ///
    /// - Throws: ``DiskError``.
    private func recordOpening(_ terms: DrawTerms, isRecovered: Bool) throws(DiskError) {
        var event = DrawEvent(.opened, draw: draw.id, time: office.now, by: terms.openedBy)
        event.cutOff = terms.cutOff
        event.recovered = isRecovered ? true : nil
        try office.events.append(event)
        office.log(.drawOpened(draw.id, cutOff: terms.cutOff))
    }

    /// Records the first late chunk of agencies.
    ///
    /// - Throws: ``DiskError``.
    func late(_ agencies: [AgencyID]) throws(DiskError) {
        var event = DrawEvent(.late, draw: draw.id, time: office.now)
        event.agencies = Array(agencies.prefix(DrawEvent.maxListed))
        try office.events.append(event)
    }

    /// Closes the draw after its last agency has finished, unless it is closed.
    func close() { draw.committer.seal(.allFinished) }

    /// Closes the draw as an operator orders.
    ///
    /// - Throws: ``CommandFault``; ``DiskError``.
    func close(by user: String) throws {
        guard state == .open, draw.committer.isOpen(at: office.now) else {
            throw CommandFault("draw \(draw.id) is \(state == .open ? "closing" : state.rawValue) already")
        }
        try office.events.append(DrawEvent(.closeOrdered, draw: draw.id, time: office.now, by: user))
        draw.committer.seal(.operator)
    }

    /// Continues after the seal is durable.
    ///
    /// - Throws: ``LedgerError``, ``DiskError``, ``DrawDocumentError``.
    mutating func sealed(_ seal: SealRecord, isRecovered: Bool = false) throws {
        guard self.seal == nil else { return }
        self.seal = seal
        if !office.events.has(.sealed, of: draw.id), state != .published {
            try office.events.append(event(of: seal, isRecovered: isRecovered))
        }
        office.log(
            .drawSealed(
                draw.id, reason: seal.reason.rawValue, unfinished: seal.unfinished.count, absent: seal.absent.count))
        try goOn()
        if state == .sealed { office.log(.numberAwaited(draw.id)) }
    }

    /// The identity of the ledger, in hexadecimal.
    var ledgerText: String { DrawResult.text(ledgerID: ledgerID) }

    /// Continues with a number that another node has stored, if the ledger is sealed.
    mutating func takeNumber() throws {
        guard state == .sealed else { return }
        setState(.drawn)
        try goOn()
    }

    /// Takes each step that is possible.
    private mutating func goOn() throws {
        guard let seal else { return }
        if state == .open { setState(.sealed) }
        if state == .void { return try listRefunds() }
        if state == .sealed, seal.number == nil, source == .configured {
            let number = WinningNumber(
                draw: draw.id, ledgerID: ledgerText, number: office.configuredNumber,
                source: .configured, enteredBy: [], time: office.now)
            _ = try office.write(number, to: folder)
            setState(.drawn)
        }
        if let number = try knownNumber(seal) {
            facts.number = number.number
            setState(.drawn)
            try draw(seal, number)
        }
    }

    /// Returns the number, once it is durable; records that it is known.
    private func knownNumber(_ seal: SealRecord) throws -> DrawnNumber? {
        guard state == .sealed || state == .drawn else { return nil }
        if let number = seal.number { return number }
        guard let known = try WinningNumber(in: folder, on: office.disk) else { return nil }
        guard known.ledgerID == ledgerText else {
            throw DrawDocumentError(path: folder.number, reason: "it belongs to ledger \(known.ledgerID)")
        }
        if !office.events.has(.numberKnown, of: draw.id) {
            var event = DrawEvent(.numberKnown, draw: draw.id, time: office.now)
            event.by = known.enteredBy.isEmpty ? WinningNumber.configured : known.enteredBy.joined(separator: ", ")
            event.number = known.number
            try office.events.append(event)
        }
        return known.drawn
    }

    /// Draws from the durably sealed ledger and publishes the result.
    ///
    /// If a stop arrives first, nothing is published: the restart continues from the number.
    private mutating func draw(_ seal: SealRecord, _ number: DrawnNumber) throws {
        let newWinners = folder.winners + ".new"
        let run = Draw(folder: folder, disk: office.disk, winnersPath: newWinners, isStopping: office.isStopping)
        guard let result = try run.run(seal, number: number) else { return }
        // The winners first: a result never names a missing file.
        try office.disk.rename(newWinners, to: folder.winners)
        try office.disk.syncFolder(folder.path)
        if !office.events.has(.drawn, of: draw.id) { try office.events.append(event(of: result)) }
        try office.cluster?.publish(result, winners: folder.winners, on: office.disk)
        try DurableFile.replace(folder.result, with: result.fileBytes, on: office.disk)
        draw.consultations.publish(
            PublishedDraw(result: result, winners: try WinnersFile(folder.winners, of: result, on: office.disk)))
        facts.winningBets = result.winningBets
        setState(.published)
        try office.events.append(DrawEvent(.published, draw: draw.id, time: office.now))
        office.log(.drawn(number: result.winningNumber, bets: result.bets, winners: Int(result.winningBets)))
        office.log(.published(path: folder.result))
    }

    private mutating func setState(_ state: DrawState) {
        self.state = state
        if state == .void { draw.consultations.makeVoid() }
        facts.state = state
        draw.setFacts(facts)
        draw.progress.change { $0.state = state }
        draw.progress.write()
    }
}

// MARK: - Operators

extension DrawLifecycle {
    /// Takes an entry of the winning number; the second that agrees makes it known, and the draw follows.
    ///
    /// - Returns: whether the number is known now.
    /// - Throws: ``CommandFault``; ``DiskError``, ``LedgerError``.
    mutating func enter(_ number: UInt16, by user: String) throws -> Bool {
        try checkMayBeEntered()
        guard let first = firstEntry else {
            firstEntry = (number, user)
            try office.events.append(DrawEvent(.numberEntered, draw: draw.id, time: office.now, by: user))
            return false
        }
        if office.needsFourEyes, first.by == user {
            throw CommandFault("the second entry must come from another user than \(user) (operators.fourEyes)")
        }
        firstEntry = nil
        guard first.number == number else {
            try office.events.append(
                DrawEvent(.numbersDiffer, draw: draw.id, time: office.now, by: "\(first.by), \(user)"))
            throw CommandFault("the two entries differ: both are dropped; enter the number twice again")
        }
        let known = WinningNumber(
            draw: draw.id, ledgerID: ledgerText, number: number, source: .entered,
            enteredBy: [first.by, user], time: office.now)
        let valid = try office.write(known, to: folder)
        setState(.drawn)
        try goOn()
        if valid.number != number {
            throw CommandFault("another node has taken \(valid.number.fourFigures) as the number of draw \(draw.id)")
        }
        return true
    }

    /// - Throws: ``CommandFault``.
    private func checkMayBeEntered() throws(CommandFault) {
        if source == .configured {
            throw CommandFault("draw \(draw.id) takes its number from the configuration (draw.winningNumber)")
        }
        switch state {
        case .planned, .open:
            throw CommandFault("draw \(draw.id) is open: the number is entered after the ledger is sealed")
        case .sealed: return
        case .drawn, .published: throw CommandFault("the number of draw \(draw.id) is known already")
        case .void: throw CommandFault("draw \(draw.id) is void")
        }
    }

    /// Makes the draw void, before its publication.
    ///
    /// - Throws: ``CommandFault``; ``DiskError``, ``LedgerError``.
    mutating func makeVoid(reason: String, by user: String) throws {
        guard state != .void, state != .published else {
            throw CommandFault(
                "draw \(draw.id) is \(state.rawValue): only a draw before its publication can be made void")
        }
        let void = VoidDraw(
            draw: draw.id, ledgerID: ledgerText, reason: reason, by: user, time: office.now)
        try setVoid(try office.write(void, to: folder))
    }

    /// Makes the draw void, whose document is durable.
    ///
    /// - Throws: ``DiskError``, ``LedgerError``.
    mutating func setVoid(_ void: VoidDraw) throws {
        try office.events.append(event(of: void, isRecovered: false))
        office.log(.drawVoid(draw.id, reason: void.reason))
        facts.voidReason = void.reason
        setState(.void)
        if seal == nil { draw.committer.seal(.void) } else { try listRefunds() }
    }

    /// Writes the list of a void draw's bets.
    private func listRefunds() throws {
        guard office.disk.stamp(folder.refunds) == nil else { return }
        guard try RefundList.write(folder, on: office.disk, isStopping: office.isStopping) else { return }
        office.log(.refundsListed(path: folder.refunds))
    }

    /// Moves the cut-off, durably.
    ///
    /// Whenever a chunk is admitted, a cut-off after it is durable: a later cut-off is written before it is used, an
    /// earlier one after.
    ///
    /// - Throws: ``CommandFault``; ``DiskError``.
    mutating func moveCutOff(to cutOff: Instant, by user: String) throws {
        guard let current = draw.committer.cutOff, state == .open else {
            throw CommandFault("draw \(draw.id) has no cut-off that could be moved")
        }
        let move = CutOffMove(
            draw: draw.id, ledgerID: ledgerText, cutOff: cutOff, movedBy: user,
            movedAt: office.now)
        let passed = CommandFault(
            cutOff > office.now
                ? "the cut-off of draw \(draw.id) was \(current): it has passed"
                : "\(cutOff) has passed; it is \(office.now)")
        guard draw.committer.isOpen(at: office.now), cutOff > office.now else { throw passed }
        if cutOff > current { try move.write(to: folder, on: office.disk) }
        guard draw.committer.moveCutOff(to: cutOff, by: user) else {
            // It passed while the file was written: the file must not say otherwise.
            var before = move
            before.cutOff = current
            try before.write(to: folder, on: office.disk)
            throw passed
        }
        if cutOff <= current { try move.write(to: folder, on: office.disk) }
        try recordMove(to: cutOff, by: user)
    }

    /// The cut-off that the draw's files have.
    var lastCutOff: Instant? { movedCutOff ?? terms?.cutOff }

    /// Records a cut-off that has been moved.
    ///
    /// - Throws: ``DiskError``.
    mutating func recordMove(to cutOff: Instant, by user: String) throws(DiskError) {
        movedCutOff = cutOff
        var event = DrawEvent(.cutOffMoved, draw: draw.id, time: office.now, by: user)
        event.cutOff = cutOff
        try office.events.append(event)
        draw.progress.change { $0.cutOff = cutOff }
        draw.progress.write()
    }
}

/// The reason that an operator's command was not carried out.
struct CommandFault: Error, Equatable, Sendable, CustomStringConvertible {
    var description: String

    init(_ description: String) {
        self.description = description
    }
}
