import DequeModule
import NIOConcurrencyHelpers

/// The bytes of frames that may be in memory at once, over all connections: `ingest.bufferBytes`.
///
/// A frame's whole length is reserved before its first byte is kept, so what has begun can always finish. Who finds no room
/// waits in line, unread.
///
/// Isolation: any thread; never blocks.
final class FrameBudget: Sendable {
    /// A place in line.
    struct Ticket: Equatable, Sendable {
        fileprivate let number: UInt64
    }

    private struct Waiter: Sendable {
        var ticket: Ticket
        var byteCount: Int
        var grant: @Sendable () -> Void
    }

    private struct State: Sendable {
        var availableBytes: Int
        var waiters: Deque<Waiter> = []
        var lastTicket: UInt64 = 0
    }

    private let state: NIOLockedValueBox<State>

    init(byteCount: Int) {
        state = NIOLockedValueBox(State(availableBytes: byteCount))
    }

    /// Reserves now, or puts the caller in line.
    ///
    /// - Parameter grant: called once, by any thread, when the bytes are reserved; not called when this returns nil.
    /// - Returns: nil where the bytes are reserved, else the place in line.
    func reserve(_ byteCount: Int, otherwise grant: @escaping @Sendable () -> Void) -> Ticket? {
        state.withLockedValue { state in
            if state.waiters.isEmpty, state.availableBytes >= byteCount {
                state.availableBytes -= byteCount
                return nil
            }
            state.lastTicket += 1
            let ticket = Ticket(number: state.lastTicket)
            state.waiters.append(Waiter(ticket: ticket, byteCount: byteCount, grant: grant))
            return ticket
        }
    }

    /// Reserves what may not wait, past the line and past the end if need be: small frames only.
    func reserveNow(_ byteCount: Int) {
        state.withLockedValue { $0.availableBytes -= byteCount }
    }

    /// Leaves the line.
    ///
    /// A grant that is on its way comes all the same.
    func cancel(_ ticket: Ticket) {
        state.withLockedValue { state in
            state.waiters.removeAll { $0.ticket == ticket }
        }
        release(0)  // the next in line may fit where this one did not
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

    /// Bytes that nobody has reserved; tests see leaks by it.
    var availableBytes: Int { state.withLockedValue(\.availableBytes) }
}
