private import DequeModule
private import NIOConcurrencyHelpers
private import Synchronization

/// The bytes of frames that may be in memory at once, over all connections: `ingest.bufferBytes`.
///
/// A frame's memory is reserved in one step, before more than a small first part of it is kept. A request without room
/// is queued and holds nothing meanwhile. So a frame that has its memory can always finish, and there is no deadlock.
///
/// Frames in progress of peers without a stored chunk share a quarter of the budget, in a queue of their own, so that
/// the other peers find room whatever lengths these announce.
///
/// Isolation: any thread; never blocks.
package final class FrameBudget: Sendable {
    /// The share of the budget that a frame counts against.
    package enum Account: Sendable {
        /// A frame of a peer with a chunk stored on this connection, or any whole frame.
        case proven
        /// A frame in progress of any other peer.
        case unproven
    }

    /// A queued request.
    package struct Ticket: Hashable, Sendable {
        fileprivate let number: UInt64
    }

    private struct Waiter: Sendable {
        var byteCount: Int
        var grant: @Sendable (Reservation) -> Void
    }

    /// A cancelled request has no waiter and is skipped.
    private struct Line: Sendable {
        var tickets: Deque<Ticket> = []
        var waiters: [Ticket: Waiter] = [:]

        var first: Waiter? {
            mutating get {
                while let ticket = tickets.first {
                    if let waiter = waiters[ticket] { return waiter }
                    tickets.removeFirst()
                }
                return nil
            }
        }

        mutating func removeFirst() {
            waiters[tickets.removeFirst()] = nil
        }
    }

    private struct State: Sendable {
        var availableBytes: Int
        var unprovenBytes = 0
        var proven = Line()
        var unproven = Line()
        var lastTicket: UInt64 = 0
    }

    private let state: NIOLockedValueBox<State>
    private let maxUnprovenBytes: Int
    package let byteCount: Int

    /// - Parameter maxFrameBytes: the largest frame; the share of unproven peers is never smaller.
    package init(byteCount: Int, maxFrameBytes: Int) {
        self.byteCount = byteCount
        state = NIOLockedValueBox(State(availableBytes: byteCount))
        maxUnprovenBytes = max(byteCount / 4, maxFrameBytes)
    }

    /// Reserves now, or queues the request.
    ///
    /// - Parameter grant: called once, on any thread, when queued bytes are reserved.
    package func reserve(
        _ byteCount: Int, _ account: Account, otherwise grant: @escaping @Sendable (Reservation) -> Void
    ) -> Request {
        let ticket = state.withLockedValue { state -> Ticket? in
            if fits(byteCount, account, &state) {
                take(byteCount, account, &state)
                return nil
            }
            state.lastTicket += 1
            let ticket = Ticket(number: state.lastTicket)
            let waiter = Waiter(byteCount: byteCount, grant: grant)
            switch account {
            case .proven:
                state.proven.tickets.append(ticket)
                state.proven.waiters[ticket] = waiter
            case .unproven:
                state.unproven.tickets.append(ticket)
                state.unproven.waiters[ticket] = waiter
            }
            return ticket
        }
        return ticket.map { .waits($0) } ?? .reserved(Reservation(self, byteCount, account))
    }

    /// The outcome of a request.
    package enum Request: Sendable {
        case reserved(Reservation)
        case waits(Ticket)
    }

    /// Cancels a queued request; a grant in flight still arrives.
    package func cancel(_ ticket: Ticket) {
        state.withLockedValue { state in
            state.proven.waiters[ticket] = nil
            state.unproven.waiters[ticket] = nil
        }
        serveLines()  // the next request may fit although this one did not
    }

    fileprivate func release(_ byteCount: Int, _ account: Account) {
        state.withLockedValue { state in
            state.availableBytes += byteCount
            if account == .unproven { state.unprovenBytes -= byteCount }
        }
        serveLines()
    }

    /// Grants requests that fit: proven peers first, each queue in order.
    private func serveLines() {
        let granted = state.withLockedValue { state -> [(Waiter, Account)] in
            guard !state.proven.waiters.isEmpty || !state.unproven.waiters.isEmpty else { return [] }
            var granted: [(Waiter, Account)] = []
            while let first = state.proven.first, first.byteCount <= state.availableBytes {
                state.proven.removeFirst()
                take(first.byteCount, .proven, &state)
                granted.append((first, .proven))
            }
            while state.proven.waiters.isEmpty, let first = state.unproven.first,
                hasRoomForUnproven(first.byteCount, state)
            {
                state.unproven.removeFirst()
                take(first.byteCount, .unproven, &state)
                granted.append((first, .unproven))
            }
            return granted
        }
        for (waiter, account) in granted { waiter.grant(Reservation(self, waiter.byteCount, account)) }
    }

    private func fits(_ byteCount: Int, _ account: Account, _ state: inout State) -> Bool {
        switch account {
        case .proven: state.proven.waiters.isEmpty && byteCount <= state.availableBytes
        case .unproven:
            state.proven.waiters.isEmpty && state.unproven.waiters.isEmpty && hasRoomForUnproven(byteCount, state)
        }
    }

    private func hasRoomForUnproven(_ byteCount: Int, _ state: State) -> Bool {
        byteCount <= state.availableBytes && state.unprovenBytes + byteCount <= maxUnprovenBytes
    }

    private func take(_ byteCount: Int, _ account: Account, _ state: inout State) {
        state.availableBytes -= byteCount
        if account == .unproven { state.unprovenBytes += byteCount }
    }

    /// Whether a request is queued, so that reserved but unused memory delays others.
    package var isShort: Bool {
        state.withLockedValue { !$0.proven.waiters.isEmpty || !$0.unproven.waiters.isEmpty }
    }

    /// Unreserved bytes; tests detect leaks with them.
    package var availableBytes: Int { state.withLockedValue(\.availableBytes) }
}

/// Bytes of the budget, released with the last reference: a frame's memory is counted exactly as long as something
/// refers to it.
///
/// Isolation: any thread.
package final class Reservation: Sendable {
    private let budget: FrameBudget
    private let account: FrameBudget.Account
    private let byteCount: Synchronization.Atomic<Int>

    fileprivate init(_ budget: FrameBudget, _ byteCount: Int, _ account: FrameBudget.Account) {
        self.budget = budget
        self.account = account
        self.byteCount = Synchronization.Atomic(byteCount)
    }

    deinit {
        budget.release(byteCount.load(ordering: .relaxed), account)
    }

    /// Releases the bytes beyond `needed`: a frame may end before its maximum size.
    package func shrink(to needed: Int) {
        let held = byteCount.exchange(min(needed, byteCount.load(ordering: .relaxed)), ordering: .relaxed)
        if held > needed { budget.release(held - needed, account) }
    }
}

/// A whole frame with the memory reserved for it.
package struct Frame: Sendable {
    package let bytes: [UInt8]
    /// Nil for a frame that needs none: a HELLO, or a question to the winners' port.
    package let reservation: Reservation?
    /// Whether the length prefix was too small, so that the rest of the message follows.
    package let isCutShort: Bool

    package init(_ bytes: [UInt8], reservation: Reservation? = nil, isCutShort: Bool = false) {
        self.bytes = bytes
        self.reservation = reservation
        self.isCutShort = isCutShort
    }
}
