import Domain
import Monitoring

/// The samples of both services in the text format 0.0.4 of Prometheus.
///
/// Pure.
struct PrometheusText {
    static let contentType = "text/plain; version=0.0.4; charset=utf-8"

    private(set) var text = ""

    /// The age at which answers are not used: they would look like those of a running service.
    private static let maxAge: UInt64 = 10_000

    /// - Parameter now: the clock; the snapshot may be old.
    init(_ snapshot: Snapshot, viewers: Int, at now: Instant) {
        func isUp(_ service: Snapshot.Service) -> Bool {
            guard service.failure == nil, let last = service.lastAnswer else { return false }
            return now.milliseconds <= last.milliseconds + Self.maxAge
        }
        let services = [
            ("bet-ingest", snapshot.ingest, snapshot.samples),
            ("winners-service", snapshot.winners, snapshot.winnersSamples),
        ]
        let samples = services.flatMap { name, service, samples in
            [(name, MetricSample(.up, isUp(service) ? 1 : 0))]
                + (isUp(service) ? samples.map { (name, $0) } : [])
        }
        let all =
            samples + [
                ("console", MetricSample(.viewers, viewers)),
                ("console", MetricSample(.viewersLimit, ServiceWatch.maxViewers)),
            ]
        let byName = Dictionary(grouping: all) { $0.1.name }
        for family in MetricFamily.all {
            guard let samples = byName[family.name] else { continue }
            text += "# HELP \(family.name) \(family.help)\n# TYPE \(family.name) \(family.kind.rawValue)\n"
            for (service, sample) in samples { append(sample, family, service) }
        }
    }

    private mutating func append(_ sample: MetricSample, _ family: MetricFamily, _ service: String) {
        let labels = zip(family.labels, sample.labels ?? []).map { ",\($0)=\"\(Self.escaped($1))\"" }.joined()
        let head = "service=\"\(service)\"\(labels)"
        guard let histogram = sample.histogram else {
            text += "\(family.name){\(head)} \(Self.number(sample.value ?? 0))\n"
            return
        }
        var count: UInt64 = 0
        for (bound, bucket) in zip(histogram.bounds.map(Self.number) + ["+Inf"], histogram.counts) {
            count += bucket
            text += "\(family.name)_bucket{\(head),le=\"\(bound)\"} \(count)\n"
        }
        text += "\(family.name)_sum{\(head)} \(Self.number(histogram.sum))\n\(family.name)_count{\(head)} \(count)\n"
    }

    private static func number(_ value: Double) -> String {
        value == value.rounded() && abs(value) < 1e15 ? String(Int(value)) : String(value)
    }

    private static func escaped(_ value: String) -> String {
        value.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"").replacing("\n", with: "\\n")
    }
}
