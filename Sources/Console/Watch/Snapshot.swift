import Control
import Domain
import Ledger
import Monitoring

/// The console's knowledge at a moment: the last answers of both services, and the last events of the folder.
///
/// A value: every viewer of the same second sees the same one.
struct Snapshot: Sendable {
    /// A service, as its control socket answers.
    struct Service: Sendable {
        /// When it last answered; nil: never since the console started.
        var lastAnswer: Instant?
        /// Why it does not answer now; nil if it does.
        var failure: String?
    }

    /// By the clock of this machine, which is the services' clock: the sockets are local.
    var time: Instant
    var ingest = Service(failure: "not asked yet")
    var winners = Service(failure: "not asked yet")
    /// In the order of ``order(_:_:)``.
    var draws: [DrawSummary] = []
    var samples: [MetricSample] = []
    var winnersSamples: [MetricSample] = []
    /// The draws whose agencies are viewed.
    var statuses: [DrawID: DrawStatus] = [:]
    /// Of the published draws among them.
    var results: [DrawID: DrawResult] = [:]
    /// The path of the data folder.
    var data = ""
    /// The newest last; at most ``maxEvents``.
    var events: [DrawEvent] = []
    var history = History()

    static let maxEvents = 50

    /// Draws that wait for something, then by cut-off, then those that are planned, then the last that are over.
    static func order(_ left: DrawSummary, _ right: DrawSummary) -> Bool {
        func rank(_ draw: DrawSummary) -> (Int, UInt64, String) {
            let cutOff = draw.cutOff?.milliseconds ?? .max
            return switch draw.state {
            case .sealed, .drawn: (0, cutOff, draw.draw.name)
            case .open: (1, cutOff, draw.draw.name)
            case .planned: (2, draw.opens?.milliseconds ?? .max, draw.draw.name)
            case .published: (3, UInt64.max - (draw.cutOff?.milliseconds ?? 0), draw.draw.name)
            case .void: (4, UInt64.max - (draw.cutOff?.milliseconds ?? 0), draw.draw.name)
            }
        }
        return rank(left) < rank(right)
    }

    /// The draw that the page shows first: the first that takes bets, else the first that did.
    var firstDraw: DrawID? {
        (draws.first { $0.state == .open } ?? draws.first { $0.state != .planned } ?? draws.first)?.draw
    }

    /// Whether bet-ingest has not answered for so long that nothing here may pass for the present.
    func isStale(at now: Instant) -> Bool {
        ingest.failure != nil || now.milliseconds > (ingest.lastAnswer?.milliseconds ?? 0) + Self.staleMilliseconds
    }

    private static let staleMilliseconds: UInt64 = 3000

    func summary(of draw: DrawID?) -> DrawSummary? { draws.first { $0.draw == draw } }
}

/// The rates of the last minutes, a point a second.
///
/// Pure.
struct History: Sendable {
    struct Point: Sendable {
        /// Nil while the service did not answer.
        var betsPerSecond: Double?
        /// Upper bounds of histogram buckets; nil if nothing was committed.
        var p50: Double?
        var p99: Double?
    }

    static let maxPoints = 300

    private(set) var points: [Point] = []
    /// Bytes of records that were committed before each of ``points``, and the seconds since the point before.
    private var bytes: [(count: Double, seconds: Double)] = []
    private var last: (time: ContinuousClock.Instant, samples: [MetricSample])?

    /// Adds a second.
    ///
    /// - Parameter samples: nil if the service did not answer.
    mutating func add(_ samples: [MetricSample]?, at time: ContinuousClock.Instant) {
        var (point, committed) = (Point(), (count: 0.0, seconds: 1.0))
        if let samples, let last, let bets = samples.value(.bets), let earlier = last.samples.value(.bets),
            bets >= earlier
        {
            let seconds = max(0.1, last.time.duration(to: time) / .seconds(1))
            point.betsPerSecond = (bets - earlier) / seconds
            committed.seconds = seconds
            let commits = samples.histogram(.commit).flatMap { now in
                last.samples.histogram(.commit).flatMap { now.since($0) }
            }
            (point.p50, point.p99) = (commits?.bound(ofShare: 0.5), commits?.bound(ofShare: 0.99))
            if let now = samples.histogram(.groupBytes)?.sum, let then = last.samples.histogram(.groupBytes)?.sum {
                committed.count = max(0, now - then)
            }
        }
        points.append(point)
        bytes.append(committed)
        if points.count > Self.maxPoints {
            points.removeFirst()
            bytes.removeFirst()
        }
        last = samples.map { (time, $0) }
    }

    /// The rate at which the ledgers grew, over all points; nil before the first.
    var bytesPerSecond: Double? {
        bytes.isEmpty ? nil : bytes.reduce(0) { $0 + $1.count } / bytes.reduce(0) { $0 + $1.seconds }
    }
}
