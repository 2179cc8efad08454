import Domain
import Shell
import Testing

struct LineLimitTests {
    private let event = Shell.LogEvent.messageFailed(peer: "p", reason: "r")

    @Test("a limited number of lines of a kind is written in a second, and one reports how many were suppressed")
    func limit() {
        let limit = LineLimit(linesPerSecond: 3)
        let start = ContinuousClock.now
        let first = (0..<10).flatMap { _ in limit.admit(event, now: start) }
        #expect(first.map(\.text) == Array(repeating: event.text, count: 3))
        let next = limit.admit(event, now: start + .seconds(1))
        #expect(
            next.map(\.text) == [
                "action: log | result: fail | suppressed_lines: 7 | of: receive_message fail", event.text,
            ])
    }

    @Test("each kind has its own limit, and suppressed lines can be reported at the end")
    func kinds() {
        let limit = LineLimit(linesPerSecond: 1)
        let other = Shell.LogEvent.acceptFailed(port: "ingest", reason: "r")
        let now = ContinuousClock.now
        #expect(limit.admit(event, now: now).count == 1)
        #expect(limit.admit(other, now: now).count == 1)
        #expect(limit.admit(other, now: now).isEmpty && limit.admit(other, now: now).isEmpty)
        #expect(
            limit.takeSuppressed().map(\.text) == [
                "action: log | result: fail | suppressed_lines: 2 | of: accept_connections fail"
            ])
        #expect(limit.takeSuppressed().isEmpty)
        #expect(limit.admit(other, now: now).count == 1 && limit.admit(other, now: now).isEmpty)
        #expect(limit.takeSuppressed(until: now + .milliseconds(999)).isEmpty)
        #expect(limit.takeSuppressed(until: now + .seconds(1)).count == 1)
    }

    @Test("lines that peers cause are limited, lines of recorded chunks are not")
    func repeatable() {
        #expect(event.isRepeatable)
        #expect(Shell.LogEvent.dialectChunkRejected(count: 1, agency: nil, peer: "p", reason: "r").isRepeatable)
        #expect(!Shell.LogEvent.betsRejected(count: 1, agency: AgencyID(1), sequence: 1, reason: "r").isRepeatable)
        #expect(!Shell.LogEvent.failed("r").isRepeatable)
    }
}
