import DequeModule
import NIOConcurrencyHelpers
import Shared

/// An answer on its way to an agency.
struct Answer: Sendable {
    var message: Message?
    /// Close the connection behind it.
    var closes = false
}

/// Where answers leave a connection: a socket's event loop, or a test.
protocol AnswerSink: Sendable {
    /// Takes an answer; never blocks.
    ///
    /// Answers leave in the order in which they are sent.
    func send(_ answer: Answer)
}

/// One connection to the ingest port, between its event loop and the workers.
///
/// Fields and their guards:
/// - `inbox`: its lock. The event loop appends; the worker whose turn it is takes.
/// - `session`: its lock, never contended: only the worker whose turn it is touches it, and `Inbox.isQueued` gives out
///   one turn at a time.
final class IngestConnection: Sendable {
    /// What waits for a worker.
    enum Item: Sendable {
        case frame([UInt8])
        case badLength(UInt32)
        case expired(String)
        case hungUp
    }

    private struct Inbox: Sendable {
        var items: Deque<Item> = []
        /// The connection stands in the queue or is with a worker.
        var isQueued = false
    }

    /// For example `127.0.0.1:51234`.
    let peer: String
    let answers: any AnswerSink
    private let slot: ConnectionSlot?
    private let inbox = NIOLockedValueBox(Inbox())
    private let session: NIOLockedValueBox<IngestSession>

    /// - Parameter slot: its place below the listener's ceiling. The connection may stand in the queue, closed already,
    ///   until a worker has seen it: so the ceiling on slots is the ceiling on the queue.
    init(
        peer: String, session: IngestSession, answers: any AnswerSink, slot: ConnectionSlot? = nil
    ) {
        self.slot = slot
        self.peer = peer
        self.answers = answers
        self.session = NIOLockedValueBox(session)
    }

    /// Appends an item.
    ///
    /// - Returns: whether the connection has to be put into the queue: it has a turn to take and stands in no line.
    func append(_ item: Item) -> Bool {
        inbox.withLockedValue { inbox in
            inbox.items.append(item)
            defer { inbox.isQueued = true }
            return !inbox.isQueued
        }
    }

    /// The next item, for the worker whose turn it is.
    func takeItem() -> Item? {
        inbox.withLockedValue { $0.items.popFirst() }
    }

    /// Ends a worker's turn.
    ///
    /// - Returns: whether there is more, and the connection goes to the back of the queue.
    func endTurn() -> Bool {
        inbox.withLockedValue { inbox in
            inbox.isQueued = !inbox.items.isEmpty
            return inbox.isQueued
        }
    }

    /// Tells the session what happened.
    func receive(_ event: IngestSession.Event) -> IngestSession.Action {
        session.withLockedValue { $0.receive(event) }
    }
}
