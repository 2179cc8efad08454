import Monitoring

/// The samples of both services in the text format 0.0.4 of Prometheus.
///
/// Pure.
struct PrometheusText {
    static let contentType = "text/plain; version=0.0.4; charset=utf-8"

    private(set) var text = ""

    init(_ snapshot: Snapshot, viewers: Int) {
        let services = [
            ("bet-ingest", snapshot.ingest, snapshot.samples),
            ("winners-service", snapshot.winners, snapshot.winnersSamples),
        ]
        // A service that does not answer has no samples: old ones would look alive.
        let samples = services.flatMap { name, service, samples in
            [(name, MetricSample(.up, service.failure == nil ? 1 : 0))]
                + (service.failure == nil ? samples.map { (name, $0) } : [])
        }
        let all = samples + [("console", MetricSample(.viewers, viewers))]
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
