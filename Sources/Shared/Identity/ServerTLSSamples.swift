package import Monitoring
package import TLS

extension ServerTLS {
    /// The measurements of the certificate.
    package var samples: [MetricSample] {
        let status = status
        return [
            MetricSample(.certificateEnd, status.validTo),
            MetricSample(.filesFaulty, status.fault == nil ? 0 : 1, "certificate"),
        ]
    }
}
