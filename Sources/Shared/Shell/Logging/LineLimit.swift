private import NIOConcurrencyHelpers

/// A limit on the lines of each kind in a second, which reports how many it suppressed.
///
/// A kind is an action with its result. For lines that a peer can cause as often as it likes.
///
/// Isolation: any thread.
package final class LineLimit: Sendable {
    private struct Kind {
        var action: String
        var result: String
        var start: ContinuousClock.Instant
        var written = 0
        var suppressed = 0

        /// Begins a new second if the last one is over, and returns the report on its suppressed lines.
        mutating func renew(_ now: ContinuousClock.Instant) -> LogEvent? {
            guard start.duration(to: now) >= .seconds(1) else { return nil }
            defer { (start, written, suppressed) = (now, 0, 0) }
            return suppressed > 0 ? .linesSuppressed(suppressed, action: action, result: result) : nil
        }
    }

    private let linesPerSecond: Int
    /// Under its own lock.
    private let kinds = NIOLockedValueBox<[String: Kind]>([:])

    package init(linesPerSecond: Int = 20) {
        self.linesPerSecond = linesPerSecond
    }

    /// Returns the report on the previous second, if any, and the event if it passes.
    package func admit(_ event: LogEvent, now: ContinuousClock.Instant = .now) -> [LogEvent] {
        kinds.withLockedValue { kinds in
            let name = "\(event.action) \(event.result)"
            var kind = kinds[name] ?? Kind(action: event.action, result: event.result, start: now)
            defer { kinds[name] = kind }
            let earlier = kind.renew(now).map { [$0] } ?? []
            guard kind.written < linesPerSecond else {
                kind.suppressed += 1
                return earlier
            }
            kind.written += 1
            return earlier + [event]
        }
    }

    /// Takes the unreported counts of kinds whose second is over at `now`; nil takes all.
    package func takeSuppressed(until now: ContinuousClock.Instant? = nil) -> [LogEvent] {
        kinds.withLockedValue { kinds in
            guard !kinds.isEmpty else { return [] }
            var events: [LogEvent] = []
            for (name, kind) in kinds.sorted(by: { $0.key < $1.key }) {
                if let now, kind.start.duration(to: now) < .seconds(1) { continue }
                kinds[name] = nil
                guard kind.suppressed > 0 else { continue }
                events.append(.linesSuppressed(kind.suppressed, action: kind.action, result: kind.result))
            }
            return events
        }
    }
}
