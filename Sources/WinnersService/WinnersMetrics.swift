import Connections
import Identity
import Monitoring
import TLS

/// The measurements of winners-service.
///
/// Isolation: any thread.
struct WinnersMetrics: Sendable {
    let figures: ConsultFigures
    let ends: ConnectionEnds
    let connections: ConnectionCount
    let gate: AgencyGate
    let tls: ServerTLS?
    let program: String
    let lostLines: @Sendable () -> Int

    func samples(publishedDraws: Int) -> [MetricSample] {
        [
            MetricSample(.build, 1, program), MetricSample(.connections, connections.count),
            MetricSample(.connectionsLimit, connections.max), MetricSample(.draws, publishedDraws),
            MetricSample(.logLinesLost, lostLines()),
        ] + figures.samples + ends.samples + gate.samples + (tls?.samples ?? [])
    }
}
