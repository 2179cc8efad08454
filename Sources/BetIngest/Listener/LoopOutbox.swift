import NIOConcurrencyHelpers
import NIOCore

/// Answers on their way from the committer to one event loop: however many there are, the loop is woken once for all that
/// came since it last looked.
///
/// Isolation: any thread appends; the event loop drains.
final class LoopOutbox: Sendable {
    private struct State: Sendable {
        var entries: [(AgencyChannel, Answer)] = []
    }

    private let eventLoop: any EventLoop
    private let state = NIOLockedValueBox(State())

    init(eventLoop: any EventLoop) {
        self.eventLoop = eventLoop
    }

    func append(_ answer: Answer, to channel: AgencyChannel) {
        let isFirst = state.withLockedValue { state in
            state.entries.append((channel, answer))
            return state.entries.count == 1
        }
        if isFirst { eventLoop.execute { self.drain() } }
    }

    /// Hands the answers to their handlers and flushes each connection once.
    private func drain() {
        let entries = state.withLockedValue { state in
            var entries: [(AgencyChannel, Answer)] = []
            swap(&entries, &state.entries)
            return entries
        }
        var touched: [IngestChannelHandler] = []
        for (channel, answer) in entries {
            guard let handler = channel.handler.value else { continue }
            if handler.collect(answer) { touched.append(handler) }
        }
        for handler in touched { handler.flushCollected() }
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
