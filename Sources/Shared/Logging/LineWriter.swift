private import Glibc

/// Writes lines to standard error on a thread of its own, as many as have come with one write(2): nobody who logs waits
/// for whoever reads the log.
///
/// A reader that has stopped costs the lines beyond 1 MiB; how many is said in a line of its own as soon as it reads
/// again.
///
/// Isolation: any thread; one lock.
final class LineWriter: Sendable {
    private struct State {
        var waiting: [UInt8] = []
        var lostLines = 0
        var isWriting = false
    }

    private static let maxWaitingBytes = 1 << 20

    private let monitor = Monitor(State())
    private let fd: Int32

    init(fd: Int32) {
        self.fd = fd
        let monitor = monitor
        NamedThread("log") { Self.run(monitor, fd: fd) }.detach()
    }

    /// Takes a line, its end included.
    ///
    /// Never blocks.
    func append(_ line: String) {
        let wasEmpty = monitor.withLock { state in
            guard state.waiting.count < Self.maxWaitingBytes else {
                state.lostLines += 1
                return false
            }
            let wasEmpty = state.waiting.isEmpty
            state.waiting += line.utf8
            return wasEmpty
        }
        if wasEmpty { monitor.wakeAll() }
    }

    /// Blocks until everything that was taken is written, or to the deadline.
    func flush(until deadline: ContinuousClock.Instant) {
        _ = monitor.wait(until: deadline) { state in
            state.waiting.isEmpty && !state.isWriting ? true : nil
        }
    }

    private static func run(_ monitor: Monitor<State>, fd: Int32) {
        while true {
            let bytes = monitor.wait { state -> [UInt8]? in
                state.isWriting = false
                guard !state.waiting.isEmpty else { return nil }
                state.isWriting = true
                var bytes: [UInt8] = []
                swap(&bytes, &state.waiting)
                if state.lostLines > 0 {
                    bytes += "action: log | result: fail | lost_lines: \(state.lostLines)\n".utf8
                    state.lostLines = 0
                }
                return bytes
            }
            SystemCall.writeAll(bytes ?? [], to: fd)  // or nobody will read any more
            monitor.withLock { $0.isWriting = false }
            monitor.wakeAll()
        }
    }
}
