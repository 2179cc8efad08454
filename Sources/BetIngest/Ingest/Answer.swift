import Connections
import Dialects
import WireProtocol

/// An answer on its way to an agency.
struct Answer: Equatable, Sendable {
    enum Content: Equatable, Sendable {
        case nothing
        /// For a native agency.
        case message(Message)
        /// For an agency of a dialect.
        case reply(DialectReply)
        /// For an agency of a dialect: its winners, however many.
        case winners(WinnersStream)
        /// No answer yet: the question waits for the draw.
        case parked
    }

    var content: Content
    /// It is no frame's answer but the connection's final one.
    var closes = false
    /// It answers a question that was parked.
    var wasParked = false

    init(_ content: Content, closes: Bool = false, wasParked: Bool = false) {
        self.content = content
        self.closes = closes
        self.wasParked = wasParked
    }

    init(_ message: Message, closes: Bool = false) {
        self.init(.message(message), closes: closes)
    }

    init(_ reply: DialectReply, closes: Bool = false) {
        self.init(.reply(reply), closes: closes)
    }

    /// Whether its peer is known from then on: it has had a WELCOME, or bets stored.
    var makesKnown: Bool {
        if case .message(.welcome) = content { return !closes }
        return tellsStored
    }

    /// Whether a chunk of its peer is stored.
    var tellsStored: Bool {
        switch content {
        case .message(.chunkProcessed), .reply(.stored): !closes
        default: false
        }
    }
}

/// Where answers leave a connection: a socket's event loop, or a test.
protocol AnswerSink: AnyObject, Sendable {
    /// Takes an answer; never blocks.
    ///
    /// Answers leave in the order in which they are sent.
    func send(_ answer: Answer)
}
