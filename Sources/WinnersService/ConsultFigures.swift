import Monitoring
import Synchronization

/// The questions of winners-service since its start, and what waits now.
///
/// Isolation: any thread; two atomic numbers.
final class ConsultFigures: Sendable {
    private let consultations = Atomic(0)
    private let parked = Atomic(0)

    func countConsultation() { consultations.add(1, ordering: .relaxed) }

    func addParked(_ difference: Int) { parked.add(difference, ordering: .relaxed) }

    var samples: [MetricSample] {
        [
            MetricSample(.consultations, consultations.load(ordering: .relaxed)),
            MetricSample(.parked, parked.load(ordering: .relaxed)),
        ]
    }
}
