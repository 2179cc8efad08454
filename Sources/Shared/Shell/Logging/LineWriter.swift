private import Glibc
import Platform

/// A writer of lines on its own thread, which batches all queued lines into one write(2), so callers never block on a
/// slow log reader.
///
/// At most 1 MiB of lines is queued, those being written included. Lines beyond that, and lines that cannot be written,
/// are counted; a line reports the count as soon as there is room.
///
/// Isolation: any thread; one lock.
final class LineWriter: Sendable {
    private struct State {
        var waiting: [UInt8] = []
        /// Since the last report.
        var lostLines = 0
        /// Since the start.
        var allLostLines = 0
        var bytesBeingWritten = 0
        var mostWaitingBytes = 0
    }

    static let maxWaitingBytes = 1 << 20

    private let monitor = Monitor(State())

    /// - Parameter lostLine: makes the line, its end included, that reports how many lines were lost.
    init(fd: Int32, lostLine: @escaping @Sendable (Int) -> String) {
        let monitor = monitor
        NamedThread("log") { Self.run(monitor, fd: fd, lostLine: lostLine) }.detach()
    }

    /// Queues a line, its end included; never blocks.
    func append(_ line: String) {
        let wasEmpty = monitor.withLock { state in
            guard state.waiting.count + state.bytesBeingWritten + line.utf8.count <= Self.maxWaitingBytes else {
                state.lostLines += 1
                state.allLostLines += 1
                return false
            }
            let wasEmpty = state.waiting.isEmpty
            state.waiting += line.utf8
            state.mostWaitingBytes = max(state.mostWaitingBytes, state.waiting.count + state.bytesBeingWritten)
            return wasEmpty
        }
        if wasEmpty { monitor.wakeAll() }
    }

    var lostLines: Int { monitor.withLock { $0.allLostLines } }

    var mostWaitingBytes: Int { monitor.withLock { $0.mostWaitingBytes } }

    /// Blocks until every queued line is written, or until the deadline.
    func flush(until deadline: ContinuousClock.Instant) {
        _ = monitor.wait(until: deadline) { state in
            state.waiting.isEmpty && state.bytesBeingWritten == 0 ? true : nil
        }
    }

    private static func run(_ monitor: Monitor<State>, fd: Int32, lostLine: @Sendable (Int) -> String) {
        while true {
            let next = monitor.wait { state -> (bytes: [UInt8], lost: Int)? in
                guard !state.waiting.isEmpty else { return nil }
                var bytes: [UInt8] = []
                swap(&bytes, &state.waiting)
                state.bytesBeingWritten = bytes.count
                defer { state.lostLines = 0 }
                return (bytes, state.lostLines)
            }
            guard let (lines, lost) = next else { continue }
            let bytes = lost > 0 ? lines + lostLine(lost).utf8 : lines
            let written = SystemCall.writeAll(bytes, to: fd)
            // A partially written line counts as lost.
            let unwritten = bytes[written...].count { $0 == UInt8(ascii: "\n") }
            monitor.withLock { state in
                state.bytesBeingWritten = 0
                // The report of lost lines is not counted itself; its count is kept for the next report.
                state.allLostLines += max(0, unwritten - (lost > 0 ? 1 : 0))
                if unwritten > 0 { state.lostLines += unwritten - (lost > 0 ? 1 : 0) + lost }
            }
            monitor.wakeAll()
        }
    }
}
