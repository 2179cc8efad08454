import Connections
import Dialects
import Domain
import Identity
import Ledger
import WireProtocol

/// An answer that a connection sends.
enum Answer: Equatable, Sendable {
    enum Content: Equatable, Sendable {
        case nothing
        case message(Message)
        case reply(DialectReply)
    }

    enum Trust: Sendable {
        case none
        /// The peer is welcomed.
        case known
        /// A chunk of the peer is stored.
        case proven
    }

    /// The answer to the oldest unanswered frame.
    case frame(Content, shows: Trust = .none)
    /// The frame is answered after the draw, or together with other ENDs.
    case parked
    case parkedReply(DialectReply)
    /// The answer to a consultation, parked or not: any number of winners.
    case winners(WinnersStream, wasParked: Bool)
    /// The connection's final message; it answers no frame.
    case final(Content)

    var trust: Trust {
        if case .frame(_, let trust) = self { trust } else { .none }
    }
}

extension Answer {
    /// Makes the answer to a native agency; nil if the decision sends nothing.
    init?(_ decision: Decision, limits: WelcomeLimits) {
        switch decision {
        case .joined(let joined):
            self = .frame(.message(.welcome(limits.welcome(joined))), shows: .known)
        case .superseded(let agency):
            self = .final(.message(.error(.superseded, "another connection of agency \(agency) has taken over")))
        case .stored(let chunk):
            self = .frame(.message(chunk.processed), shows: .proven)
        case .rejected(let chunk, let rejection):
            self = .frame(.message(chunk.rejected(rejection)))
        case .repeated(let chunk, let rejection):
            self =
                if let rejection { .frame(.message(chunk.rejected(rejection))) } else {
                    .frame(.message(chunk.processed), shows: .proven)
                }
        case .notRecorded(let chunk):
            self = .frame(
                .message(
                    .chunkRejected(
                        ChunkRejected(
                            sequence: chunk.sequence, code: chunk.code, betIndex: 0, message: chunk.reason))))
        case .gap(let chunk):
            self = .final(.message(.error(.sequenceGap, chunk.reason)))
        case .failed(let code, let text):
            self = .final(.message(.error(code, text)))
        case .denied:
            self = .final(.message(.error(.notAuthorized, EntryFault.answer)))
        case .lateUnlisted:
            self = .final(
                .message(
                    .error(.busy, "the draw is closed, and the late chunk cannot be listed now; connect again later")))
        case .left:
            self = .final(.nothing)
        case .reconnected, .storedBet, .nothingToRecord, .finishedAlready, .endParked, .parkedEndFinished,
            .parkedEndRejected, .endRejected,
            .consult, .askDrawn, .invalid, .restOfRejected, .expired, .echo, .winners, .winnersUnreadable,
            .consultationParked, .notDrawnYet, .drawn:
            // Not decisions on a native connection, or not answered.
            return nil
        }
    }

    /// Fails if the decision sends nothing.
    init?(_ decision: Decision, dialect: any Dialect) {
        switch decision {
        case .stored(let chunk):
            switch chunk.answers {
            case .chunk: self = .frame(.reply(.stored(isLast: chunk.isLast)), shows: .proven)
            case .end: self = .frame(.reply(.finished))
            case .none: return nil
            }
        case .notRecorded(let chunk):
            self = .frame(.reply(.rejected(badBets: chunk.count, reason: chunk.reason)))
        case .nothingToRecord(let isLast):
            self = .frame(.reply(.stored(isLast: isLast)))
        case .finishedAlready:
            self = .frame(.reply(.finished))
        case .endParked, .consultationParked:
            self = .parked
        case .parkedEndFinished:
            self = .parkedReply(.finished)
        case .parkedEndRejected(let reason):
            self = .parkedReply(.rejected(badBets: 0, reason: reason))
        case .endRejected(let reason, let isAnswered):
            guard isAnswered else { return nil }
            self = .frame(.reply(.rejected(badBets: 0, reason: reason)))
        case .invalid(let message):
            let reply = Content.reply(.rejected(badBets: message.badBets, reason: message.reason))
            self = message.isFinal ? .final(reply) : .frame(reply)
        case .denied:
            self = .final(.reply(.rejected(badBets: 0, reason: EntryFault.answer)))
        case .restOfRejected:
            self = .frame(.nothing)
        case .echo(let bytes):
            self = .frame(.reply(.echo(bytes)))
        case .notDrawnYet:
            self = .frame(.reply(.notDrawnYet))
        case .drawn(let isDrawn):
            self = .frame(.reply(.drawn(isDrawn)))
        case .winners(_, let file, let entry, let wasParked):
            guard let stream = WinnersStream(file, entry, dialect: dialect) else {
                self = .final(.nothing)
                return
            }
            self = .winners(stream, wasParked: wasParked)
        case .superseded, .expired, .winnersUnreadable, .lateUnlisted, .left:
            self = .final(.nothing)
        case .joined, .reconnected, .rejected, .repeated, .storedBet, .gap, .failed, .consult, .askDrawn:
            // Not decisions on a dialect's connection, or not answered.
            return nil
        }
    }
}

extension RecordedChunk {
    fileprivate var processed: WireProtocol.Message {
        .chunkProcessed(ChunkProcessed(sequence: sequence, count: UInt16(count), firstBetIndex: firstBetIndex))
    }

    /// The answer each time the chunk is sent.
    fileprivate func rejected(_ rejection: RejectionRecord) -> WireProtocol.Message {
        .chunkRejected(
            ChunkRejected(
                sequence: sequence, code: rejection.code, betIndex: rejection.betIndex, message: rejection.message))
    }
}

/// The fields of WELCOME that are the same for every agency and draw.
struct WelcomeLimits: Sendable {
    let maxFrameBytes: Int
    let window: Int

    func welcome(_ joined: Joined) -> Welcome {
        let standing = joined.standing
        return Welcome(
            nextSequence: standing.nextSequence, storedBets: standing.storedBets,
            rejectedBets: standing.rejectedBets, maxFrameBytes: UInt32(maxFrameBytes),
            window: UInt16(window), isFinished: standing.isFinished, draw: joined.draw.name,
            stream: joined.version >= 2 ? standing.stream : nil,
            time: joined.version >= 3 ? DrawTime(now: joined.time, cutOff: joined.cutOff) : nil)
    }
}

/// The receiver of a connection's answers: a socket's event loop, or a test.
protocol AnswerSink: AnyObject, Sendable {
    /// Enqueues an answer; never blocks.
    ///
    /// The peer receives answers in the order of the calls.
    func send(_ answer: Answer)
}
