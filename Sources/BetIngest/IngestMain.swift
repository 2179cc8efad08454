import Domain
import Ledger
import Shell

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
        lookedAt = office.events.lastTime
    }

    /// Recovers the draws, and opens those that are due.
    ///
    /// - Parameter ledgerID: makes the identity of a new ledger.
    /// - Returns: false after a stop.
    /// - Throws: as ``DrawBook/recover(ledgerID:)``.
    mutating func start(
        _ started: DrawEvent, ledgerID: () -> UInt64 = { .random(in: 1...UInt64.max) }
    ) throws -> Bool {
        try office.events.append(started)
        guard try book.recover(ledgerID: ledgerID) else { return false }
        try openDue()
        return true
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
            try openDue()
        default:
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
        if let lookedAt, lookedAt < now {
            for missed in schedule.closed(after: lookedAt, before: now) { try report(missed, at: now) }
        }
        lookedAt = max(lookedAt ?? now, now)
        core.desk.draws.plan(schedule.planned(after: now))
    }

    /// Reports a draw of the calendar whose times are not instants, once.
    private mutating func report(_ fault: CalendarFault) {
        guard reportedFaults.insert("\(fault)").inserted else { return }
        office.log(.calendarFault(reason: "\(fault)"))
    }

    /// Records a draw that was never opened, unless it was.
    private func report(_ missed: DrawOpening, at now: Instant) throws {
        guard !book.exists(missed.draw), !office.events.has(.missed, of: missed.draw) else { return }
        var event = DrawEvent(.missed, draw: missed.draw, time: now, by: missed.by)
        event.cutOff = missed.cutOff
        try office.events.append(event)
        office.log(.drawMissed(missed.draw))
    }
}
