import Domain
import Ledger
import Platform

/// Asks both services once a second, for all viewers together.
///
/// A service answers from counters that it has anyway. The agencies of a draw are asked for while they are viewed, and for
/// large draws less often: answers about them take at most a twentieth of the time.
///
/// Isolation: a thread for each service asks; any thread looks.
final class ServiceWatch: Sendable {
    private struct State {
        var snapshot = Snapshot(time: Instant(milliseconds: SystemCall.unixMilliseconds()))
        /// When a draw's agencies were last viewed.
        var wanted: [DrawID: ContinuousClock.Instant] = [:]
        /// Whether a draw is wanted whose agencies were never asked for.
        var isUrgent = false
        /// The rounds of questions that are complete.
        var rounds = 0
        var isAsking = false
        var isStopping = false
        var viewers: [Int: AsyncStream<Snapshot>.Continuation] = [:]
        var lastViewer = 0
    }

    static let maxViewers = 64
    /// Of a request to a service; a healthy one answers within a millisecond.
    private static let deadlineSeconds = 2
    private static let interval = Duration.seconds(1)
    /// How long the agencies of a draw are asked for after the last look.
    private static let interest = Duration.seconds(5)

    private let folder: DataFolder
    private let monitor = Monitor(State())

    init(_ folder: DataFolder) {
        self.folder = folder
    }

    // MARK: Any thread

    var snapshot: Snapshot { monitor.withLock(\.snapshot) }

    /// Returns the newest snapshot with the agencies of a draw; blocks, at most two seconds, if it was not viewed before.
    ///
    /// - Parameter draw: nil: the first of the page.
    func look(at draw: DrawID?) -> Snapshot {
        let deadline = ContinuousClock.now + .seconds(Self.deadlineSeconds)
        // Before the first answer it is not known which draw is the first.
        for _ in 0..<2 {
            guard let round = want(draw) else { break }
            monitor.wakeAll()
            _ = monitor.wait(until: deadline) { $0.rounds >= round || $0.isStopping ? true : nil }
        }
        return snapshot
    }

    /// Records that a draw is viewed.
    ///
    /// - Returns: the round of questions after which its agencies are known; nil if they are, or cannot be.
    @discardableResult
    func want(_ draw: DrawID?) -> Int? {
        monitor.withLock { state in
            let next = state.rounds + (state.isAsking ? 2 : 1)
            if state.rounds == 0 { return next }
            guard let draw = draw ?? state.snapshot.firstDraw else { return nil }
            let summary = state.snapshot.summary(of: draw)
            // A draw that was viewed is viewed on when bet-ingest has closed its ledger.
            guard summary != nil || state.snapshot.statuses[draw] != nil else { return nil }
            state.wanted[draw] = .now
            // A planned draw has no agencies yet, however often it is asked for.
            guard summary != nil, summary?.state != .planned else { return nil }
            guard state.snapshot.statuses[draw] == nil, state.snapshot.ingest.failure == nil else { return nil }
            state.isUrgent = true
            return next
        }
    }

    /// A stream of new snapshots, of which a slow viewer gets the newest only.
    ///
    /// It ends with the last reference to it, so also if its response is never begun.
    final class View: Sendable {
        let snapshots: AsyncStream<Snapshot>
        private let watch: ServiceWatch
        private let id: Int

        fileprivate init(_ watch: ServiceWatch, _ id: Int, _ snapshots: AsyncStream<Snapshot>) {
            self.watch = watch
            self.id = id
            self.snapshots = snapshots
        }

        /// Ends the stream; another thread may be waiting for it.
        func end() { watch.endView(id) }

        deinit { end() }
    }

    /// Begins a view; nil beyond ``maxViewers``.
    func view() -> View? {
        let (stream, continuation) = AsyncStream<Snapshot>.makeStream(bufferingPolicy: .bufferingNewest(1))
        let id = monitor.withLock { state -> Int? in
            guard state.viewers.count < Self.maxViewers, !state.isStopping else { return nil }
            state.lastViewer += 1
            state.viewers[state.lastViewer] = continuation
            return state.lastViewer
        }
        return id.map { View(self, $0, stream) }
    }

    private func endView(_ id: Int) {
        monitor.withLock { $0.viewers.removeValue(forKey: id) }?.finish()
    }

    var viewerCount: Int { monitor.withLock(\.viewers.count) }

    /// Ends the thread and every stream.
    func stop() {
        let viewers = monitor.withLock { state in
            state.isStopping = true
            defer { state.viewers = [:] }
            return Array(state.viewers.values)
        }
        for viewer in viewers { viewer.finish() }
        monitor.wakeAll()
    }

    // MARK: Its threads

    /// Starts the threads; they end by themselves after ``stop()``, or with the process.
    ///
    /// A service that hangs must not make the other's answers old.
    func start() {
        NamedThread("watch ingest") { self.watchIngest() }.detach()
        NamedThread("watch winners") { self.watchWinners() }.detach()
    }

    private func watchIngest() {
        var questions = ServiceQuestions(folder: folder, deadlineSeconds: Self.deadlineSeconds)
        while true {
            let start = ContinuousClock.now
            let (before, wanted) = monitor.withLock { state in
                state.wanted = state.wanted.filter { start - $0.value < Self.interest }
                state.isUrgent = false
                state.isAsking = true
                return (state.snapshot, Array(state.wanted.keys))
            }
            let next = questions.next(after: before, wanted: wanted, at: start)
            let (snapshot, viewers) = monitor.withLock { state in
                // The other thread's answers are those of now.
                var snapshot = next
                (snapshot.winners, snapshot.winnersSamples) = (state.snapshot.winners, state.snapshot.winnersSamples)
                state.snapshot = snapshot
                state.rounds += 1
                state.isAsking = false
                return (snapshot, Array(state.viewers.values))
            }
            for viewer in viewers { viewer.yield(snapshot) }
            monitor.wakeAll()
            let isStopping = monitor.wait(until: start + Self.interval) { state -> Bool? in
                state.isStopping ? true : state.isUrgent ? false : nil
            }
            if isStopping == true { return }
        }
    }

    private func watchWinners() {
        let questions = ServiceQuestions(folder: folder, deadlineSeconds: Self.deadlineSeconds)
        while true {
            let start = ContinuousClock.now
            let answer = questions.winners()
            monitor.withLock { state in
                if let samples = answer.samples { state.snapshot.winnersSamples = samples }
                state.snapshot.winners = Snapshot.Service(
                    lastAnswer: answer.samples == nil ? state.snapshot.winners.lastAnswer : answer.time,
                    failure: answer.failure)
            }
            let isStopping = monitor.wait(until: start + Self.interval) { $0.isStopping ? true : nil }
            if isStopping == true { return }
        }
    }
}
