private import Domain
package import Monitoring

extension AgencyGate {
    /// The measurements of the roster; empty without one.
    package var samples: [MetricSample] {
        guard let status else { return [] }
        var samples = [
            MetricSample(.denials, status.denials), MetricSample(.filesFaulty, status.fault == nil ? 0 : 1, "roster"),
            MetricSample(.rosterReload, seconds: Double(status.readAt.milliseconds) / 1000, "success"),
        ]
        if let faultyAt = status.faultyAt {
            samples.append(MetricSample(.rosterReload, seconds: Double(faultyAt.milliseconds) / 1000, "fail"))
        }
        return samples
    }
}
