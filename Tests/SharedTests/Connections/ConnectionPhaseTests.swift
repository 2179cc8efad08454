import NIOCore
import NIOEmbedded
import Testing

@testable import Connections

/// Tests of the deadline of each phase, and of the way from phase to phase on an embedded loop.
struct ConnectionPhaseTests {
    private static let start = NIODeadline.uptimeNanoseconds(1_000_000_000_000)

    /// Each phase, beginning at ``start``, with its deadline.
    private static let phases: [(phase: ConnectionPhase, deadline: TimeAmount?)] = [
        (.open, nil), (.ending(since: start), .seconds(5)), (.draining(lastProgress: start), .seconds(60)),
        (.lingering(since: start), .seconds(2)), (.closed, nil),
    ]

    @Test("a phase is overdue from its deadline on, and not before", arguments: phases.indices)
    func overdue(_ index: Int) {
        let (phase, deadline) = Self.phases[index]
        let instants: [TimeAmount] = [
            .seconds(-10), .zero, .seconds(2) - .nanoseconds(1), .seconds(2), .seconds(5) - .nanoseconds(1),
            .seconds(5),
            .seconds(60) - .nanoseconds(1), .seconds(60), .hours(100),
        ]
        for amount in instants {
            let expected = deadline.map { amount >= $0 } ?? false
            #expect(phase.isOverdue(now: Self.start + amount) == expected, "\(phase) after \(amount)")
        }
    }

    @Test("a phase that is overdue stays overdue")
    func monotone() {
        for (phase, _) in Self.phases {
            let outcomes = (0...700).map { phase.isOverdue(now: Self.start + .milliseconds(100) * Int64($0)) }
            #expect(outcomes == outcomes.sorted { !$0 && $1 }, "\(phase)")
        }
    }

    @Test("the deadline of draining counts from the last progress")
    func progress() {
        for seconds in [0, 1, 59, 600] as [Int64] {
            let progress = Self.start + .seconds(seconds)
            let phase = ConnectionPhase.draining(lastProgress: progress)
            #expect(!phase.isOverdue(now: progress + .milliseconds(59_999)))
            #expect(phase.isOverdue(now: progress + .seconds(60)))
        }
    }

    @Test("only draining is draining")
    func draining() {
        #expect(Self.phases.map(\.phase.isDraining) == [false, false, true, false, false])
    }

    // MARK: From phase to phase

    private enum Event: CaseIterable {
        case frame, invalidFrame, answer, finalAnswer, taken, endOfInput, deadline, close
    }

    private typealias Stage = EmbeddedConnection.Stage

    /// Returns the next phase and what the delegate and the peer get.
    private func outcome(_ event: Event, in stage: Stage) throws -> String {
        let connection = try EmbeddedConnection(stage)
        _ = try connection.written()
        switch event {
        case .frame: try connection.receive(encoded([1]))
        case .invalidFrame: try connection.receive([255, 255, 255, 255])
        case .answer:
            _ = connection.handler.collect(.bytes([1]), isFrameAnswered: false)
            connection.handler.flush()
        case .finalAnswer: connection.handler.finish(with: [2])
        case .taken: connection.takeAll()
        case .endOfInput: connection.receiveEndOfInput()
        case .deadline: connection.expire(after: .hours(1))
        case .close: connection.handler.closeNow()
        }
        let written = try connection.written().map { "writes \($0)" }
        let calls = connection.calls
        return (["\(connection.stage)"] + calls + written).joined(separator: ", ")
    }

    /// The next phase after each event, in the order of ``Event``, with the delegate's calls and the bytes written.
    private static let expected: [Stage: [String]] = [
        .open: [
            "open, frame", "ending, fault", "open, writes 1", "lingering, writes 2", "open", "open, end of input",
            "ending, expired", "closed, close",
        ],
        .ending: [
            "ending", "ending", "ending, writes 1", "lingering, writes 2", "ending", "ending", "closed, close",
            "closed, close",
        ],
        .draining: [
            "draining", "draining", "draining", "draining", "lingering, writes 7", "draining", "closed, close",
            "closed, close",
        ],
        .lingering: [
            "lingering", "lingering", "lingering", "lingering", "lingering", "closed, close", "closed, close",
            "closed, close",
        ],
        .closed: ["closed", "closed", "closed", "closed", "closed", "closed", "closed", "closed"],
    ]

    @Test("every event in every phase", arguments: Stage.allCases)
    private func table(_ stage: Stage) throws {
        #expect(try Event.allCases.map { try outcome($0, in: stage) } == Self.expected[stage])
    }

    @Test("after the peer's end of input a connection is closed as soon as the final answer is written")
    func endOfInputFirst() throws {
        let connection = try EmbeddedConnection(.draining)
        connection.receiveEndOfInput()
        #expect(connection.channel.isActive)
        connection.takeAll()
        #expect(try connection.written() == [EmbeddedConnection.finalByte])
        #expect(connection.stage == .closed && connection.calls == ["close"])
    }
}
