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
        /// Of all native answers, one after the other.
        var bytes: [UInt8] = []
        var entries: [Entry] = []

        /// Keeps the memory of usual groups for the next one.
        mutating func removeAll() {
            bytes.removeAll(keepingCapacity: bytes.capacity <= 1 << 20)
            entries.removeAll(keepingCapacity: entries.capacity <= 1 << 14)
        }
    }

    private struct Entry: Sendable {
        var channel: AgencyChannel
        /// Of its bytes, which begin where the one before ends.
        var endIndex: Int
        /// Its bytes in a dialect: winners as text may be long.
        var text: [UInt8] = []
        var end: AnswerEnd
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
        var text: [UInt8] = []
        let textEnd = channel.dialect.map { answer.encode(for: $0, into: &text) }
        let isFirst = state.withLockedValue { state in
            let end = textEnd ?? answer.encode(into: &state.bytes)
            state.entries.append(Entry(channel: channel, endIndex: state.bytes.count, text: text, end: end))
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
                let bytes = entry.text.isEmpty ? loop.drained.bytes[index..<entry.endIndex] : entry.text[...]
                index = entry.endIndex
                let handler = entry.channel.handler.value
                if handler.collect(bytes, entry.end) { loop.unflushed.append(handler) }
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
    fileprivate func encode(into bytes: inout [UInt8]) -> AnswerEnd {
        message?.encode(into: &bytes)
        return closes ? .lastWord : .answered(.stay)
    }

    /// Appends the answer in a dialect, where a message of the native protocol has no words.
    fileprivate func encode(for dialect: any Dialect, into bytes: inout [UInt8]) -> AnswerEnd {
        let next = reply.map { dialect.encode($0, into: &bytes) } ?? .stay
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
