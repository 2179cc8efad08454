import Connections
import DequeModule
import Dialects
import Domain
import NIOConcurrencyHelpers
import WireProtocol

/// One connection to the ingest port, between its event loop and the workers.
///
/// Fields and their guards:
/// - `inbox`: its lock. The event loop appends; the worker whose turn it is takes.
/// - `session`: its lock, never contended: only the worker whose turn it is touches it, and `Inbox.isQueued` gives out
///   one turn at a time.
final class IngestConnection: Sendable {
    /// What waits for a worker.
    enum Item: Sendable {
        case frame(Frame)
        case badFrame(FrameFault)
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
    /// What it speaks; nil: the native protocol.
    let dialect: (any Dialect)?
    /// Where its chunks come from, for ``ChunkSenders``: programs of two dialects on one machine are told apart.
    ///
    /// Empty for a native agency.
    let place: String
    let answers: any AnswerSink
    private let inbox = NIOLockedValueBox(Inbox())
    private let session: NIOLockedValueBox<any IngestSession>

    init(peer: String, session: any IngestSession, dialect: (any Dialect)? = nil, answers: any AnswerSink) {
        self.dialect = dialect
        self.peer = peer
        place = Self.place(dialect, peer)
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
    func receive(_ item: Item, today: Birthdate) -> IngestAction {
        session.withLockedValue { $0.receive(item, today: today) }
    }

    /// The peer's address without its port.
    var address: Substring { peer[..<(peer.lastIndex(of: ":") ?? peer.endIndex)] }

    private static func place(_ dialect: (any Dialect)?, _ peer: String) -> String {
        dialect.map { "\($0.name) \(peer[..<(peer.lastIndex(of: ":") ?? peer.endIndex)])" } ?? ""
    }
}
