private import NIOConcurrencyHelpers

/// How many connections have ended, by port and reason.
///
/// Isolation: any thread; its lock is taken once a connection.
package final class ConnectionEnds: Sendable {
    /// Why a connection ended.
    package enum Reason: String, CaseIterable, Sendable {
        /// The peer closed or reset it.
        case peer
        /// The service closed it after its last answer.
        case answered
        case deadline
        /// The peer violated the framing.
        case fault
        /// The connection limit was reached.
        case limit
        /// The TLS handshake failed.
        case handshake
    }

    private let counts = NIOLockedValueBox<[String: [Reason: Int]]>([:])

    package init() {}

    package func count(_ port: String, _ reason: Reason) {
        counts.withLockedValue { $0[port, default: [:]][reason, default: 0] += 1 }
    }

    package var samples: [MetricSample] {
        let counts = counts.withLockedValue { $0 }
        return counts.sorted { $0.key < $1.key }.flatMap { port, reasons in
            Reason.allCases.compactMap { reason in
                reasons[reason].map { MetricSample(.connectionsEnded, $0, port, reason.rawValue) }
            }
        }
    }
}
