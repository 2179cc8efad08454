private import DequeModule
private import NIOConcurrencyHelpers
private import Synchronization

/// The bytes of frames that may be in memory at once, over all connections: `ingest.bufferBytes`.
///
/// A frame's memory is reserved at once, before more of it is kept than a small first part. A request that finds no room
/// waits in line and holds nothing meanwhile: a frame that has its memory can always finish, and nobody waits for somebody
/// who waits.
///
/// Frames in progress of peers that are not known yet share a quarter of the budget, in a line of their own: whatever they
/// announce, the others find room.
///
/// Isolation: any thread; never blocks.
package final class FrameBudget: Sendable {
    /// Whose frame it is.
    package enum Account: Sendable {
        /// Of a peer that has had a WELCOME, or a chunk stored on this connection; or a frame that is whole.
        case known
        /// In progress, of any other peer.
        case unknown
    }

    /// A place in line.
    package struct Ticket: Hashable, Sendable {
        fileprivate let number: UInt64
    }

    private struct Waiter: Sendable {
        var byteCount: Int
        var grant: @Sendable (Reservation) -> Void
    }

    /// Requests in their order.
    ///
    /// One that was cancelled has no waiter any more and is passed over.
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
        var unknownBytes = 0
        var known = Line()
        var unknown = Line()
        var lastTicket: UInt64 = 0
    }

    private let state: NIOLockedValueBox<State>
    private let maxUnknownBytes: Int

    /// - Parameter maxFrameBytes: the largest frame; one of an unknown peer always fits its share.
    package init(byteCount: Int, maxFrameBytes: Int) {
        state = NIOLockedValueBox(State(availableBytes: byteCount))
        maxUnknownBytes = max(byteCount / 4, maxFrameBytes)
    }

    /// Reserves now, or puts the caller in line.
    ///
    /// - Parameter grant: called once, by any thread, when the bytes are reserved; not called when this returns a
    ///   reservation.
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
            case .known:
                state.known.tickets.append(ticket)
                state.known.waiters[ticket] = waiter
            case .unknown:
                state.unknown.tickets.append(ticket)
                state.unknown.waiters[ticket] = waiter
            }
            return ticket
        }
        return ticket.map { .waits($0) } ?? .reserved(Reservation(self, byteCount, account))
    }

    /// What became of a request.
    package enum Request: Sendable {
        case reserved(Reservation)
        case waits(Ticket)
    }

    /// Leaves the line.
    ///
    /// A grant that is in flight arrives all the same.
    package func cancel(_ ticket: Ticket) {
        state.withLockedValue { state in
            state.known.waiters[ticket] = nil
            state.unknown.waiters[ticket] = nil
        }
        serveLines()  // the next in line may fit where this one did not
    }

    fileprivate func release(_ byteCount: Int, _ account: Account) {
        state.withLockedValue { state in
            state.availableBytes += byteCount
            if account == .unknown { state.unknownBytes -= byteCount }
        }
        serveLines()
    }

    /// Grants what fits, known peers first, each line in its order.
    private func serveLines() {
        let granted = state.withLockedValue { state -> [(Waiter, Account)] in
            guard !state.known.waiters.isEmpty || !state.unknown.waiters.isEmpty else { return [] }
            var granted: [(Waiter, Account)] = []
            while let first = state.known.first, first.byteCount <= state.availableBytes {
                state.known.removeFirst()
                take(first.byteCount, .known, &state)
                granted.append((first, .known))
            }
            while state.known.waiters.isEmpty, let first = state.unknown.first,
                hasRoomForUnknown(first.byteCount, state)
            {
                state.unknown.removeFirst()
                take(first.byteCount, .unknown, &state)
                granted.append((first, .unknown))
            }
            return granted
        }
        for (waiter, account) in granted { waiter.grant(Reservation(self, waiter.byteCount, account)) }
    }

    private func fits(_ byteCount: Int, _ account: Account, _ state: inout State) -> Bool {
        switch account {
        case .known: state.known.waiters.isEmpty && byteCount <= state.availableBytes
        case .unknown:
            state.known.waiters.isEmpty && state.unknown.waiters.isEmpty && hasRoomForUnknown(byteCount, state)
        }
    }

    private func hasRoomForUnknown(_ byteCount: Int, _ state: State) -> Bool {
        byteCount <= state.availableBytes && state.unknownBytes + byteCount <= maxUnknownBytes
    }

    private func take(_ byteCount: Int, _ account: Account, _ state: inout State) {
        state.availableBytes -= byteCount
        if account == .unknown { state.unknownBytes += byteCount }
    }

    /// Whether somebody waits in line: memory that is reserved and not used is in the way.
    package var isShort: Bool {
        state.withLockedValue { !$0.known.waiters.isEmpty || !$0.unknown.waiters.isEmpty }
    }

    /// Bytes that are not reserved; tests see leaks by it.
    package var availableBytes: Int { state.withLockedValue(\.availableBytes) }
}

/// Bytes of the budget, given back with the last reference: whatever becomes of a frame, its memory is counted as long as
/// something refers to it, and no longer.
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

    /// Gives back what is beyond `needed`: a frame's end may come before the most that it may have.
    package func shrink(to needed: Int) {
        let held = byteCount.exchange(min(needed, byteCount.load(ordering: .relaxed)), ordering: .relaxed)
        if held > needed { budget.release(held - needed, account) }
    }
}

/// A whole frame, and the memory that is reserved for it.
package struct Frame: Sendable {
    package let bytes: [UInt8]
    /// Nil for a frame that needs none: a HELLO, or a question to the winners' port.
    package let reservation: Reservation?
    /// Its length was too small: what follows is the rest of its message.
    package let isCutShort: Bool

    package init(_ bytes: [UInt8], reservation: Reservation? = nil, isCutShort: Bool = false) {
        self.bytes = bytes
        self.reservation = reservation
        self.isCutShort = isCutShort
    }
}
