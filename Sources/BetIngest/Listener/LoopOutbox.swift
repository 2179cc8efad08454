import NIOConcurrencyHelpers
import NIOCore

/// Answers on their way from the committer to one event loop: however many there are, the loop is woken once for all that
/// came since it last looked.
///
/// Connections are served in turn, so a commit group has one answer for each of a thousand that all have more chunks
/// behind it. A write for each answer is then the dearest thing there is: where many are answered at once, who has
/// more coming than it got waits for it, and gets 8 answers in about 4 writes.
///
/// Isolation: any thread appends; the event loop drains.
final class LoopOutbox: Sendable {
    /// From so many answered connections on, some wait.
    private static let manyConnections = 64

    private struct State: Sendable {
        var entries: [(AgencyChannel, Answer)] = []
    }

    private let eventLoop: any EventLoop
    private let state = NIOLockedValueBox(State())
    /// Have answers that are not sent yet.
    private let unflushed: NIOLoopBoundBox<[IngestChannelHandler]>

    init(eventLoop: any EventLoop) {
        self.eventLoop = eventLoop
        unflushed = .makeBoxSendingValue([], eventLoop: eventLoop)
    }

    func append(_ answer: Answer, to channel: AgencyChannel) {
        let isFirst = state.withLockedValue { state in
            state.entries.append((channel, answer))
            return state.entries.count == 1
        }
        if isFirst { eventLoop.execute { self.drain() } }
    }

    /// Hands the answers to their handlers and flushes each connection once, or leaves it for the next time.
    private func drain() {
        let entries = state.withLockedValue { state in
            var entries: [(AgencyChannel, Answer)] = []
            swap(&entries, &state.entries)
            return entries
        }
        for (channel, answer) in entries {
            guard let handler = channel.handler.value else { continue }
            if handler.collect(answer) { unflushed.value.append(handler) }
        }
        let areMany = unflushed.value.count >= Self.manyConnections
        unflushed.value.removeAll { handler in
            if areMany, handler.expectsMoreThanCollected { return false }
            handler.flushCollected()
            return true
        }
    }
}

/// The answers' way to one socket.
///
/// Empty once the socket is closed: then nobody is left to be answered.
final class AgencyChannel: AnswerSink {
    let handler: NIOLoopBoundBox<IngestChannelHandler?>
    private let outbox: LoopOutbox

    init(outbox: LoopOutbox, handler: NIOLoopBoundBox<IngestChannelHandler?>) {
        self.outbox = outbox
        self.handler = handler
    }

    func send(_ answer: Answer) {
        outbox.append(answer, to: self)
    }
}
