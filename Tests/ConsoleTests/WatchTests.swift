import Domain
import Ledger
import Monitoring
import TestKit
import Testing

@testable import Console

/// The values that the console derives from the answers of the services.
struct WatchTests {
    private func snapshot(_ states: [(String, DrawState, UInt64?)] = [("d", .open, nil)]) throws -> Snapshot {
        var snapshot = Snapshot(time: Instant(milliseconds: 1_000_000))
        snapshot.ingest = .init(lastAnswer: snapshot.time)
        snapshot.winners = .init(lastAnswer: snapshot.time)
        snapshot.draws = try states.map { name, state, cutOff in
            DrawSummary(
                try #require(DrawID(name)), state: state, terms: nil, cutOff: cutOff.map { Instant(milliseconds: $0) },
                agencies: DrawAgencies(3), standings: DrawStandings(), late: LateList())
        }.sorted(by: Snapshot.order)
        return snapshot
    }

    @Test("draws that wait come first, then by cut-off, then planned ones, then those that are over")
    func order() throws {
        let states: [(String, DrawState, UInt64?)] = [
            ("void", .void, 1), ("old", .published, 5), ("new", .published, 9), ("planned", .planned, 99),
            ("none", .open, nil), ("late", .open, 30), ("soon", .open, 20), ("sealed", .sealed, 10),
        ]
        for _ in 0..<5 {
            let names = try snapshot(states.shuffled()).draws.map(\.draw.name)
            #expect(names == ["sealed", "soon", "late", "none", "planned", "new", "old", "void"])
        }
        #expect(try snapshot(states).firstDraw?.name == "soon")
    }

    @Test("ready only if a bet could be acknowledged now; each reason is said")
    func readiness() throws {
        var snapshot = try snapshot()
        snapshot.samples = [MetricSample(.freeBytes, 1 << 30), MetricSample(.oldest, seconds: 0.1)]
        #expect(Readiness(snapshot, at: snapshot.time).isReady)
        snapshot.samples = [
            MetricSample(.freeBytes, 1 << 20), MetricSample(.oldest, seconds: 30), MetricSample(.stopping, 1),
        ]
        #expect(Readiness(snapshot, at: snapshot.time).reasons.count == 3)
        snapshot.draws = []
        #expect(Readiness(snapshot, at: snapshot.time).text.contains("no draw is open"))
        snapshot.ingest.failure = "it does not run"
        #expect(Readiness(snapshot, at: snapshot.time).reasons == ["bet-ingest does not answer: it does not run"])
        snapshot.ingest.failure = nil
        // The clock counts, not the time of the snapshot: what makes snapshots may hang.
        let later = Instant(milliseconds: 1_020_000)
        #expect(Readiness(snapshot, at: later).text.contains("bet-ingest last answered at"))
        #expect(PrometheusText(snapshot, viewers: 0, at: later).text.contains("quiniela_up{service=\"bet-ingest\"} 0"))
        #expect(snapshot.isStale(at: later) && !snapshot.isStale(at: snapshot.time))
    }

    @Test("a healthy lottery needs nobody; each thing that needs a hand has its sentence")
    func needs() throws {
        var snapshot = try snapshot([("d", .open, 1_000_000 + 3_600_000)])
        snapshot.samples = [MetricSample(.freeBytes, 1 << 40), MetricSample(.oldest, seconds: 0)]
        #expect(Need.all(of: snapshot) == [])
        snapshot = try self.snapshot([("d", .open, 1_000_000 + 300_000), ("e", .sealed, 1)])
        snapshot.winners.failure = "it does not run"
        snapshot.samples = [
            MetricSample(.freeBytes, 1 << 20), MetricSample(.oldest, seconds: 30), MetricSample(.logLinesLost, 2),
            MetricSample(.missed, 1), MetricSample(.clockSteps, 1), MetricSample(.connections, 95),
            MetricSample(.connectionsLimit, 100), MetricSample(.filesFaulty, 1, "roster"),
            MetricSample(.certificateEnd, 1000 + 86_400 * 3),
        ]
        let sentences = Need.all(of: snapshot).map(\.sentence).joined(separator: "\n")
        for text in [
            "winners-service does not answer", "Draw e is closed and waits for its number",
            "3 of 3 agencies have not finished",
            "Less than 67.1 MB are free", "has waited more than 5 s", "2 log lines were lost",
            "1 draw of the calendar was missed",
            "The clock was set 1 time ", "nine tenths of 100 connections", "roster file of bet-ingest is faulty",
            "ends in 3 days",
        ] { #expect(sentences.contains(text), "\(text): \(sentences)") }
    }

    @Test("rates are differences of counters; a restart and a silent second are gaps, not numbers")
    func history() {
        var history = History()
        let start = ContinuousClock.now
        func samples(bets: Int, commits: Int) -> [MetricSample] {
            var commit = Histogram.seconds
            for _ in 0..<commits { commit.observe(0.003) }
            return [MetricSample(.bets, bets), MetricSample(.commit, commit)]
        }
        history.add(samples(bets: 100, commits: 1), at: start)
        history.add(samples(bets: 300, commits: 5), at: start + .seconds(1))
        history.add(samples(bets: 300, commits: 5), at: start + .seconds(2))
        history.add(nil, at: start + .seconds(3))
        history.add(samples(bets: 400, commits: 6), at: start + .seconds(4))
        history.add(samples(bets: 10, commits: 1), at: start + .seconds(5))
        #expect(history.points.map(\.betsPerSecond) == [nil, 200, 0, nil, nil, nil])
        #expect(history.points.map(\.p99) == [nil, 0.004, nil, nil, nil, nil])
        for second in 6..<400 { history.add(nil, at: start + .seconds(second)) }
        #expect(history.points.count == History.maxPoints)
    }

    @Test("the text for Prometheus has each family once, buckets that add up, and no samples of a silent service")
    func prometheus() throws {
        var snapshot = try snapshot()
        var commit = Histogram.seconds
        for value in [0.00001, 0.0001, 0.5, 9] { commit.observe(value) }
        snapshot.samples = [MetricSample(.commit, commit), MetricSample(.drawState, 1, "a\"b", "open")]
        snapshot.winners.failure = "it does not run"
        snapshot.winnersSamples = [MetricSample(.parked, 7)]
        let text = PrometheusText(snapshot, viewers: 2, at: snapshot.time).text
        for line in [
            "quiniela_commit_duration_seconds_bucket{service=\"bet-ingest\",le=\"6.25e-05\"} 1",
            "quiniela_commit_duration_seconds_bucket{service=\"bet-ingest\",le=\"+Inf\"} 4",
            "quiniela_commit_duration_seconds_count{service=\"bet-ingest\"} 4",
            "quiniela_draw_state{service=\"bet-ingest\",draw=\"a\\\"b\",state=\"open\"} 1",
            "quiniela_up{service=\"winners-service\"} 0", "quiniela_viewers{service=\"console\"} 2",
        ] { #expect(text.contains(line + "\n"), "\(line): \(text)") }
        #expect(!text.contains("quiniela_parked"))
        #expect(text.split(separator: "\n").count { $0.hasPrefix("# TYPE quiniela_up ") } == 1)
    }
}
