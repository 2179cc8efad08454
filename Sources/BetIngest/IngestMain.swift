import Domain
import Identity
import Ledger
import Shell
import TLS

/// The main thread's part of the service: its draws, and the calendar that opens them.
///
/// Isolation: the main thread; it blocks on the disk.
struct IngestMain {
    private(set) var book: DrawBook
    private let core: IngestCore
    private let schedule: DrawSchedule?
    private let clock: DrawClock
    private let office: DrawOffice
    /// Draws that closed before it were opened, or reported as missed.
    private var lookedAt: Instant?
    private var reportedFaults: Set<String> = []

    /// - Parameter schedule: nil without a calendar.
    init(_ setup: DrawBook.Setup, _ core: IngestCore, schedule: DrawSchedule?, clock: DrawClock, office: DrawOffice) {
        book = DrawBook(setup, draws: core.desk.draws, inbox: clock.inbox, office: office)
        self.core = core
        self.schedule = schedule
        self.clock = clock
        self.office = office
        // The clock was set back since the last event: how far is not known, so a whole day is looked at again.
        lookedAt = office.events.lastTime.map { last in
            last <= office.now ? last : Instant(milliseconds: office.now.milliseconds - 86_400_000)
        }
    }

    /// Recovers the draws, and opens those that are due.
    ///
    /// - Parameter ledgerID: makes the identity of a new ledger.
    /// - Returns: false after a stop.
    /// - Throws: as ``DrawBook/recover(ledgerID:)``.
    mutating func start(
        _ started: DrawEvent, ledgerID: () -> UInt64 = { .random(in: 1...UInt64.max) }
    ) throws -> Bool {
        // Before any other event: the time of the last one says up to when draws were looked at.
        try reportMissed(at: office.now)
        try office.events.append(started)
        guard try book.recover(ledgerID: ledgerID) else { return false }
        try openDue()
        return true
    }

    /// Records the denials since the last event of them.
    func recordDenials() throws {
        guard let summary = core.desk.gate.takeDenials() else { return }
        var denied = DrawEvent(.denied, time: office.now)
        denied.denials = summary.count
        denied.agencies = summary.agencies.sorted()
        denied.addresses = summary.addresses.sorted()
        denied.reason = summary.reason
        try office.events.append(denied)
    }

    /// Handles an event, except a failure and a stop.
    ///
    /// - Throws: what ends the service.
    mutating func handle(_ event: MainInbox.Event) throws {
        switch event {
        case .openingsDue:
            try openDue()
        case .clockStepped(let milliseconds):
            var stepped = DrawEvent(.clockStepped, time: office.now)
            stepped.stepMilliseconds = milliseconds
            try office.events.append(stepped)
            office.log(.clockStepped(milliseconds: milliseconds))
            // Draws that were planned for the repeated time are looked at again.
            lookedAt = lookedAt.map { min($0, office.now) }
            try openDue()
        case .rosterChanged(.replaced(let change, let sha256)):
            var changed = DrawEvent(.rosterChanged, time: office.now)
            changed.reason = "\(change)"
            changed.sha256 = sha256
            try office.events.append(changed)
            office.log(.rosterChanged("\(change)"))
        case .rosterChanged(.faulty(let reason)):
            office.log(.rosterFaulty(reason: reason))
        case .certificateChanged(let change):
            office.log(.certificateChanged(change))
        case .denied:
            try recordDenials()
        default:
            // Every event's line says that draws up to its time were looked at.
            if let lookedAt, office.now.milliseconds > lookedAt.milliseconds + Self.lookMilliseconds { try openDue() }
            try book.handle(event)
        }
    }

    mutating func startThreads() { book.startThreads() }

    /// Commits and answers what is staged, and closes every ledger; blocks.
    mutating func stop() { book.stop() }

    /// The time between two looks at the calendar, if no draw opens before.
    private static let lookMilliseconds: UInt64 = 60_000

    /// Closes ledgers that nobody uses, opens the draws of the calendar that are due, and reports those that were missed.
    private mutating func openDue() throws {
        book.retire()
        let now = office.now
        let look = Instant(milliseconds: now.milliseconds + Self.lookMilliseconds)
        defer { clock.plan(min(look, core.desk.draws.planned.map(\.opens).min() ?? look)) }
        guard let schedule else { return }
        let (openings, faults) = schedule.openings(at: now)
        for fault in faults { report(fault) }
        for opening in openings where !book.exists(opening.draw) { try book.openPlanned(opening) }
        try reportMissed(at: now)
        core.desk.draws.plan(schedule.planned(after: now))
    }

    /// Reports a draw of the calendar whose times are not instants, once.
    private mutating func report(_ fault: CalendarFault) {
        guard reportedFaults.insert("\(fault)").inserted else { return }
        office.log(.calendarFault(reason: "\(fault)"))
    }

    /// Records the draws that were never opened and whose cut-off has passed since the last look.
    ///
    /// The event has the time of the cut-off: after a crash in between the next start continues with the next draw.
    private mutating func reportMissed(at now: Instant) throws {
        defer { lookedAt = max(lookedAt ?? now, now) }
        guard let schedule, let lookedAt, lookedAt < now else { return }
        let closed = schedule.closed(after: lookedAt, before: now)
        for missed in closed.sorted(by: { ($0.cutOff ?? now) < ($1.cutOff ?? now) }) {
            guard !book.exists(missed.draw), !office.events.has(.missed, of: missed.draw) else { continue }
            var event = DrawEvent(.missed, draw: missed.draw, time: missed.cutOff ?? now, by: missed.by)
            event.cutOff = missed.cutOff
            try office.events.append(event)
            office.log(.drawMissed(missed.draw))
            office.figures.addMissedDraw()
        }
    }
}
