import DequeModule
import NIOConcurrencyHelpers

/// The bytes of frames that may be in memory at once, over all connections: `ingest.bufferBytes`.
///
/// A frame's whole length is reserved before its first byte is kept, so what has begun can always finish. Who finds no room
/// waits in line, unread.
///
/// Isolation: any thread; never blocks.
final class FrameBudget: Sendable {
    private struct Waiter: Sendable {
        var byteCount: Int
        var grant: @Sendable () -> Void
    }

    private struct State: Sendable {
        var availableBytes: Int
        var waiters: Deque<Waiter> = []
    }

    private let state: NIOLockedValueBox<State>

    init(byteCount: Int) {
        state = NIOLockedValueBox(State(availableBytes: byteCount))
    }

    /// Reserves now, or puts the caller in line.
    ///
    /// - Parameter grant: called once, by any thread, when the bytes are reserved; not called when this returns true.
    /// - Returns: whether the bytes are reserved.
    func reserve(_ byteCount: Int, otherwise grant: @escaping @Sendable () -> Void) -> Bool {
        state.withLockedValue { state in
            if state.waiters.isEmpty, state.availableBytes >= byteCount {
                state.availableBytes -= byteCount
                return true
            }
            state.waiters.append(Waiter(byteCount: byteCount, grant: grant))
            return false
        }
    }

    /// Gives bytes back and serves the line, in its order.
    func release(_ byteCount: Int) {
        let granted = state.withLockedValue { state -> [Waiter] in
            state.availableBytes += byteCount
            guard !state.waiters.isEmpty else { return [] }
            var granted: [Waiter] = []
            while let first = state.waiters.first, first.byteCount <= state.availableBytes {
                state.availableBytes -= first.byteCount
                granted.append(first)
                state.waiters.removeFirst()
            }
            return granted
        }
        for waiter in granted { waiter.grant() }
    }

    /// Somebody waits in line: what is reserved and not used is in the way.
    var isShort: Bool { state.withLockedValue { !$0.waiters.isEmpty } }

    var availableBytes: Int { state.withLockedValue(\.availableBytes) }
}
