import Connections
import Dialects
import NIOConcurrencyHelpers
import NIOCore
import WireProtocol

/// The answers in flight from the committer to one event loop.
///
/// The loop is woken once for all answers that arrived since the last drain.
///
/// Connections are served in turn, so a commit group may have one answer for each of a thousand connections that all
/// have more chunks in flight. One write per answer then dominates the cost, so connections with more answers pending
/// than collected are flushed later: 8 answers take about 4 writes.
///
/// Isolation: any thread appends, and encodes; the event loop drains.
final class LoopOutbox: Sendable {
    /// The number of answered connections from which flushes may be postponed.
    private static let manyConnections = 64

    private struct State: Sendable {
        var bytes: [UInt8] = []
        var entries: [Entry] = []

        /// Keeps its memory for the next group, unless the group was unusually large.
        mutating func removeAll() {
            bytes.removeAll(keepingCapacity: bytes.capacity <= 1 << 20)
            entries.removeAll(keepingCapacity: entries.capacity <= 1 << 14)
        }
    }

    private struct Entry: Sendable {
        var channel: AgencyChannel
        /// The end of its bytes, which begin at the end of the previous entry.
        var endIndex: Int
        /// A list of winners, instead of bytes.
        var winners: WinnersStream?
        var outcome: Outcome
    }

    /// The effect of an answer on its connection, besides its bytes.
    private struct Outcome: Sendable {
        var ending = AnswerOutput.Ending.none
        var isFrameAnswered = true
        var wasParked = false
        var isParked = false
        var trust = Answer.Trust.none
    }

    private struct LoopState {
        /// The drained state, whose memory is reused.
        var drained = State()
        /// The handlers with answers that are not flushed yet.
        var unflushed: [FramedChannelHandler] = []
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
            var entry = Entry(channel: channel, endIndex: 0, outcome: Outcome())
            encode(answer, for: channel.dialect, into: &state.bytes, &entry)
            entry.endIndex = state.bytes.count
            state.entries.append(entry)
            return state.entries.count == 1
        }
        if isFirst { eventLoop.execute { self.drain() } }
    }

    /// Appends an answer's bytes, but none if the peer's protocol cannot express the answer.
    private func encode(_ answer: Answer, for dialect: (any Dialect)?, into bytes: inout [UInt8], _ entry: inout Entry)
    {
        entry.outcome.trust = answer.trust
        switch answer {
        case .frame(let content, _):
            encode(content, for: dialect, into: &bytes, &entry)
        case .parkedReply(let reply):
            entry.outcome.wasParked = true
            encode(.reply(reply), for: dialect, into: &bytes, &entry)
        case .winners(let stream, let wasParked):
            entry.outcome.wasParked = wasParked
            entry.winners = stream
            entry.outcome.ending = Self.ending(dialect?.nextAfterWinners ?? .stay)
        case .parked:
            entry.outcome.isParked = true
        case .final(let content):
            entry.outcome.isFrameAnswered = false
            encode(content, for: dialect, into: &bytes, &entry)
            entry.outcome.ending = .afterLast
        }
    }

    private func encode(
        _ content: Answer.Content, for dialect: (any Dialect)?, into bytes: inout [UInt8], _ entry: inout Entry
    ) {
        var next = DialectReply.Next.stay
        switch content {
        case .nothing: break
        case .message(let message): message.encode(into: &bytes)
        case .reply(let reply):
            guard let dialect else { break }
            dialect.encode(reply, into: &bytes)
            next = dialect.next(after: reply)
        }
        entry.outcome.ending = Self.ending(next)
    }

    private static func ending(_ next: DialectReply.Next) -> AnswerOutput.Ending {
        switch next {
        case .stay: .none
        case .closeWhenQuiet: .whenQuiet
        case .close: .afterLast
        }
    }

    /// Flushes each connection once, or postpones it to the next drain.
    private func drain() {
        loopState.withValue { loop in
            state.withLockedValue { swap(&loop.drained, &$0) }
            var index = 0
            for entry in loop.drained.entries {
                let bytes = loop.drained.bytes[index..<entry.endIndex]
                index = entry.endIndex
                let (handler, outcome) = (entry.channel.handler.value, entry.outcome)
                if outcome.isParked {
                    handler.park()
                    continue
                }
                if outcome.trust != .none { handler.setKnown(isProven: outcome.trust == .proven) }
                let answer = entry.winners.map(FramedAnswer.winners) ?? .bytes(bytes)
                let isFirst = handler.collect(
                    answer, outcome.ending, isFrameAnswered: outcome.isFrameAnswered, wasParked: outcome.wasParked)
                if isFirst { loop.unflushed.append(handler) }
            }
            loop.drained.removeAll()
            let areMany = loop.unflushed.count >= Self.manyConnections
            loop.unflushed.removeAll { handler in
                // Never postponed in a dialect, where a frame need not have an answer.
                if areMany, handler.isNative, handler.expectsMoreThanCollected { return false }
                handler.flush()
                return true
            }
        }
    }
}
