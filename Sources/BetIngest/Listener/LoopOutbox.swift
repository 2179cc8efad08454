import NIOConcurrencyHelpers
import NIOCore
import Shared

/// Answers on their way from the committer to one event loop: however many there are, the loop is woken once for all that
/// came since it last looked.
///
/// Connections are served in turn, so a commit group has one answer for each of a thousand that all have more chunks
/// behind it. A write for each answer is then the dearest thing there is: where many are answered at once, who has
/// more coming than it got waits for it, and gets 8 answers in about 4 writes.
///
/// Isolation: any thread appends, and encodes; the event loop drains.
final class LoopOutbox: Sendable {
    /// From so many answered connections on, some wait.
    private static let manyConnections = 64

    private struct State: Sendable {
        /// Of all answers, one after the other.
        var bytes: [UInt8] = []
        var entries: [Entry] = []

        mutating func removeAll() {
            bytes.removeAll(keepingCapacity: true)
            entries.removeAll(keepingCapacity: true)
        }
    }

    private struct Entry: Sendable {
        var channel: AgencyChannel
        /// Of its bytes, which begin where the one before ends.
        var endIndex: Int
        var next: AnswerEnd
    }

    private struct LoopState {
        /// Emptied, for its memory: the next answers go where the last ones were.
        var drained = State()
        /// Have answers that are not sent yet.
        var unflushed: [IngestChannelHandler] = []
    }

    private let eventLoop: any EventLoop
    private let state = NIOLockedValueBox(State())
    private let loopState: NIOLoopBoundBox<LoopState>

    init(eventLoop: any EventLoop) {
        self.eventLoop = eventLoop
        loopState = .makeBoxSendingValue(LoopState(), eventLoop: eventLoop)
    }

    func append(_ answer: Answer, to channel: AgencyChannel) {
        let isFirst = state.withLockedValue { state in
            let next = answer.encode(for: channel.dialect, into: &state.bytes)
            state.entries.append(Entry(channel: channel, endIndex: state.bytes.count, next: next))
            return state.entries.count == 1
        }
        if isFirst { eventLoop.execute { self.drain() } }
    }

    /// Hands the answers to their handlers and flushes each connection once, or leaves it for the next time.
    private func drain() {
        loopState.withValue { loop in
            state.withLockedValue { swap(&loop.drained, &$0) }
            var index = 0
            for entry in loop.drained.entries {
                let bytes = loop.drained.bytes[index..<entry.endIndex]
                index = entry.endIndex
                let handler = entry.channel.handler.value
                if handler.collect(bytes, entry.next) { loop.unflushed.append(handler) }
            }
            loop.drained.removeAll()
            let areMany = loop.unflushed.count >= Self.manyConnections
            loop.unflushed.removeAll { handler in
                if areMany, handler.expectsMoreThanCollected { return false }
                handler.flushCollected()
                return true
            }
        }
    }
}

/// What becomes of a connection behind an answer.
enum AnswerEnd: Sendable {
    /// The frame is answered.
    case answered(DialectReply.Next)
    /// It was no frame's answer but the last word.
    case lastWord
}

extension Answer {
    /// Appends the answer as it goes on the wire.
    ///
    /// A message of the native protocol has no words in a dialect.
    fileprivate func encode(for dialect: (any Dialect)?, into bytes: inout [UInt8]) -> AnswerEnd {
        var next = DialectReply.Next.stay
        if let dialect {
            if let reply { next = dialect.encode(reply, into: &bytes) }
        } else {
            message?.encode(into: &bytes)
        }
        return closes ? .lastWord : .answered(next)
    }
}

/// The answers' way to one socket.
final class AgencyChannel: AnswerSink {
    let handler: NIOLoopBound<IngestChannelHandler>
    fileprivate let dialect: (any Dialect)?
    private let outbox: LoopOutbox

    init(_ handler: IngestChannelHandler, dialect: (any Dialect)?, outbox: LoopOutbox, eventLoop: any EventLoop) {
        self.handler = NIOLoopBound(handler, eventLoop: eventLoop)
        self.dialect = dialect
        self.outbox = outbox
    }

    func send(_ answer: Answer) {
        outbox.append(answer, to: self)
    }
}
