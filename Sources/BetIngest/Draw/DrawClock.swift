import Domain
import Identity
import Ledger
import Platform
import TLS

/// The thread that seals draws at their cut-off, reports openings, reads a changed roster or certificate, and writes
/// progress that has waited.
///
/// Admission already rejects late chunks by itself; so it does not matter that the seal follows a little later, and a
/// draw that keeps the main thread busy delays no cut-off.
///
/// Isolation: its own thread runs; any thread stops it, and the main thread plans.
final class DrawClock: Sendable {
    private struct State {
        var isStopping = false
        /// The next opening of a planned draw, until it is reported.
        var opening: Instant?
        /// The sum of the steps of the wall clock so far.
        var steps = 0
    }

    /// The longest sleep: how late a moved cut-off or a clock that was set is noticed.
    private static let maxSleep = Duration.milliseconds(250)
    /// Smaller differences are corrections of the clock's rate.
    private static let minStepMilliseconds = 1000

    private let draws: OpenDraws
    private let gate: AgencyGate
    private let tls: ServerTLS?
    let inbox: MainInbox
    private let clock: @Sendable () -> UInt64
    private let monitor = Monitor(State())

    init(
        draws: OpenDraws, gate: AgencyGate = AgencyGate(), tls: ServerTLS? = nil, inbox: MainInbox,
        clock: @escaping @Sendable () -> UInt64
    ) {
        self.draws = draws
        self.gate = gate
        self.tls = tls
        self.inbox = inbox
        self.clock = clock
    }

    /// Sets the next opening to report.
    func plan(_ opening: Instant?) {
        monitor.withLock { $0.opening = opening }
        monitor.wakeAll()
    }

    func stop() {
        monitor.withLock { $0.isStopping = true }
        monitor.wakeAll()
    }

    /// The number of times that the wall clock was set by more than a second.
    var stepCount: Int { monitor.withLock(\.steps) }

    /// The body of the thread.
    func run() {
        var (wall, monotonic) = (clock(), ContinuousClock.now)
        while true {
            let elapsed = ContinuousClock.now - monotonic
            let step = Int(clock()) - Int(wall) - Int(elapsed / .milliseconds(1))
            if abs(step) > Self.minStepMilliseconds {
                monitor.withLock { $0.steps += 1 }
                inbox.post(.clockStepped(milliseconds: step))
                (wall, monotonic) = (clock(), ContinuousClock.now)
            }
            let sleep = tick()
            let isStopping = monitor.wait(until: .now + sleep) { $0.isStopping ? true : nil }
            if isStopping == true { return }
        }
    }

    /// Does what is due.
    ///
    /// - Returns: how long nothing more is due, at most a quarter of a second.
    @discardableResult
    func tick() -> Duration {
        if let change = tls?.reload() { inbox.post(.certificateChanged(change)) }
        if let change = gate.reload() { inbox.post(.rosterChanged(change)) }
        if gate.isDenialEventDue { inbox.post(.denied) }
        let now = Instant(milliseconds: clock())
        var next: Instant?
        for draw in draws.all {
            draw.progress.write()
            guard let cutOff = draw.committer.pendingCutOff else { continue }
            if cutOff <= now { draw.committer.seal(.cutOff) } else { next = min(next ?? cutOff, cutOff) }
        }
        let isDue = monitor.withLock { state in
            guard let opening = state.opening else { return false }
            guard opening <= now else {
                next = min(next ?? opening, opening)
                return false
            }
            state.opening = nil
            return true
        }
        if isDue { inbox.post(.openingsDue) }
        guard let next else { return Self.maxSleep }
        return min(Self.maxSleep, .milliseconds(Int(next.milliseconds - now.milliseconds)))
    }
}
