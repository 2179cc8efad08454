import Domain
import NIOCore
import TestKit
import Testing

@testable import Connections

/// Tests of the deadline in every state of a connection, and of the instants from which they count.
struct ConnectionDeadlinesTests {
    private typealias Activity = ConnectionDeadlines.Activity

    private static let deadlines = ConnectionDeadlines(hello: .seconds(10), frame: .seconds(20), idle: .seconds(30))
    private static let start = NIODeadline.uptimeNanoseconds(1_000_000_000_000)

    // MARK: State by deadline

    /// The deadline that applies.
    private enum Rule: String {
        case never, hello, frame, idle, shortage

        init(_ reason: String?) {
            switch reason {
            case "no HELLO or chunk within 10.0 seconds": self = .hello
            case "a frame was incomplete after 20.0 seconds": self = .frame
            case "nothing was sent within 30.0 seconds": self = .idle
            case "memory is short and less than 32768 bytes of a frame arrived in two seconds": self = .shortage
            default: self = .never
            }
        }

        var seconds: Int64? {
            switch self {
            case .never: nil
            case .hello: 10
            case .frame: 20
            case .idle: 30
            case .shortage: 2
            }
        }
    }

    /// Each state of a connection that does not wait for memory, with its deadline, and its deadline if others wait
    /// for memory.
    private static let expected: [(state: String, plenty: Rule, short: Rule)] = [
        ("", .hello, .hello),
        ("memory", .hello, .hello),
        ("held", .never, .never),
        ("held memory", .never, .never),
        ("inside", .frame, .frame),
        ("inside memory", .frame, .shortage),
        ("inside held", .frame, .frame),
        ("inside held memory", .frame, .shortage),
        ("known", .idle, .idle),
        ("known memory", .idle, .idle),
        ("known held", .never, .never),
        ("known held memory", .never, .never),
        ("known inside", .frame, .frame),
        ("known inside memory", .frame, .shortage),
        ("known inside held", .frame, .frame),
        ("known inside held memory", .frame, .shortage),
    ]

    private static func activity(
        _ state: String, since: NIODeadline = start, progress: NIODeadline = start
    ) -> Activity {
        let words = state.split(separator: " ")
        return Activity(
            since: since, progress: progress, isKnown: words.contains("known"), isInsideFrame: words.contains("inside"),
            holdsMemory: words.contains("memory"), waitsForMemory: words.contains("waits"),
            hasHeldFrames: words.contains("held"))
    }

    private static func rule(_ activity: Activity, after amount: TimeAmount, isMemoryShort: Bool) -> Rule {
        Rule(deadlines.overdue(activity, now: start + amount, isMemoryShort: isMemoryShort))
    }

    @Test("each state has its deadline: overdue from that instant on, and not before", arguments: expected.indices)
    func table(_ index: Int) {
        let (state, plenty, short) = Self.expected[index]
        let activity = Self.activity(state)
        for (isShort, expected) in [(false, plenty), (true, short)] {
            guard let seconds = expected.seconds else {
                #expect(Self.rule(activity, after: .hours(100), isMemoryShort: isShort) == .never, "\(state)")
                continue
            }
            let before = TimeAmount.seconds(seconds) - .nanoseconds(1)
            #expect(Self.rule(activity, after: before, isMemoryShort: isShort) == .never, "\(state)")
            #expect(Self.rule(activity, after: .seconds(seconds), isMemoryShort: isShort) == expected, "\(state)")
            #expect(Self.rule(activity, after: .hours(100), isMemoryShort: isShort) == expected, "\(state)")
        }
    }

    @Test("a connection that the service makes wait for memory is never overdue")
    func waits() {
        for (state, _, _) in Self.expected {
            for isShort in [false, true] {
                let activity = Self.activity("waits " + state)
                #expect(Self.rule(activity, after: .hours(100), isMemoryShort: isShort) == .never, "\(state)")
            }
        }
    }

    // MARK: Laws

    @Test("a connection that is overdue stays overdue, and is overdue as well while memory is short")
    func monotone() {
        for (state, _, _) in Self.expected {
            for (since, progress) in [(0, 0), (0, 7), (7, 0), (3, 33)] as [(Int64, Int64)] {
                let activity = Self.activity(
                    state, since: Self.start + .seconds(since), progress: Self.start + .seconds(progress))
                let outcomes = [false, true].map { isShort in
                    (-20...400).map { tenths in
                        Self.rule(activity, after: .milliseconds(100) * tenths, isMemoryShort: isShort) != .never
                    }
                }
                for outcome in outcomes { #expect(outcome == outcome.sorted { !$0 && $1 }, "\(state)") }
                #expect(zip(outcomes[0], outcomes[1]).allSatisfy { !$0 || $1 }, "\(state)")
            }
        }
    }

    @Test("a deadline counts from the last activity, and the one of short memory from the last progress")
    func counting() {
        for (state, plenty, short) in Self.expected {
            for seconds in [0, 1, 19, 500] as [Int64] {
                let moved = Self.start + .seconds(seconds)
                for (rule, isShort) in [(plenty, false), (short, true)] {
                    guard let limit = rule.seconds else { continue }
                    let activity =
                        rule == .shortage
                        ? Self.activity(state, since: moved, progress: moved)
                        : Self.activity(state, since: moved, progress: Self.start - .hours(isShort ? 0 : 1))
                    let due = TimeAmount.seconds(seconds + limit)
                    #expect(
                        Self.rule(activity, after: due - .nanoseconds(1), isMemoryShort: isShort) == .never, "\(state)")
                    #expect(Self.rule(activity, after: due, isMemoryShort: isShort) == rule, "\(state)")
                }
            }
        }
    }

    @Test("progress does not prolong a frame's own deadline, and memory of others does not shorten it")
    func frameDeadline() {
        let activity = Self.activity("known inside memory", progress: Self.start + .milliseconds(19_999))
        #expect(Self.rule(activity, after: .milliseconds(19_999), isMemoryShort: true) == .never)
        #expect(Self.rule(activity, after: .seconds(20), isMemoryShort: true) == .frame)
    }

    // MARK: The clock

    private static let step = Limits.minProgressBytes

    /// Returns an owner whose intake has collected this many bytes of a long frame with memory of its own.
    private func makeOwner(collected: Int) -> IntakeOwner {
        let owner = IntakeOwner(window: 2, maxFrameBytes: 1 << 20, firstBytes: .max, budgetBytes: 1 << 20)
        _ = owner.offer([0, 16, 0, 0])
        _ = owner.grant()
        _ = owner.offer([UInt8](repeating: 1, count: collected))
        return owner
    }

    @Test(
        "progress is the instant at which the last 32 KiB were complete, or at which the service did not read",
        arguments: [
            (0, false, 0), (1, false, 0), (step - 1, false, 0), (step, false, 5), (2 * step, false, 5), (0, true, 5),
            (step - 1, true, 5),
        ])
    func progress(_ bytes: Int, _ waitsForMemory: Bool, _ seconds: Int64) {
        let owner = makeOwner(collected: 0)
        var clock = ActivityClock(now: Self.start)
        _ = owner.offer([UInt8](repeating: 1, count: bytes))
        let now = Self.start + .seconds(5)
        let activity = clock.activity(
            owner.intake, isKnown: true, isNative: true, waitsForMemory: waitsForMemory, now: now)
        #expect(activity.progress == Self.start + .seconds(seconds))
        #expect(activity.since == Self.start, "progress is not activity")
    }

    @Test("after a reset only new bytes are progress")
    func reset() {
        let owner = makeOwner(collected: Self.step)
        var clock = ActivityClock(now: Self.start)
        clock.resetProgress(owner.intake, now: Self.start + .seconds(1))
        _ = owner.offer([UInt8](repeating: 1, count: Self.step - 1))
        let due = Self.start + .seconds(3)
        #expect(measured(&clock, owner, now: due) == Self.start + .seconds(1))
        _ = owner.offer([1])
        #expect(measured(&clock, owner, now: due) == due)
    }

    private func measured(_ clock: inout ActivityClock, _ owner: IntakeOwner, now: NIODeadline) -> NIODeadline {
        clock.activity(owner.intake, isKnown: true, isNative: true, waitsForMemory: false, now: now).progress
    }

    @Test("a frame that keeps the rate is never overdue while memory is short, one that stops is after two seconds")
    func rate() {
        let owner = makeOwner(collected: 0)
        var clock = ActivityClock(now: Self.start)
        clock.resetProgress(owner.intake, now: Self.start)
        var overdue: [Int64] = []
        for tenths in 1...100 as ClosedRange<Int64> {
            // 1800 bytes in 100 ms are 32 KiB in 1.9 s; the peer stops after 5 s.
            if tenths <= 50 { _ = owner.offer([UInt8](repeating: 1, count: 1800)) }
            let now = Self.start + .milliseconds(100) * tenths
            let activity = clock.activity(owner.intake, isKnown: true, isNative: true, waitsForMemory: false, now: now)
            if Self.deadlines.overdue(activity, now: now, isMemoryShort: true) != nil { overdue.append(tenths) }
        }
        // The last 32 KiB are complete at 3.8 s.
        #expect(overdue == Array(58...100))
    }

    @Test("a HELLO is not a frame in progress: an unknown native peer keeps the deadline of HELLO")
    func insideFrame() {
        var clock = ActivityClock(now: Self.start)
        for (collected, isInside) in [(nil, false), (3, true)] as [(Int?, Bool)] {
            let owner =
                collected.map { makeOwner(collected: $0) } ?? IntakeOwner(window: 1, maxFrameBytes: 9, firstBytes: 4)
            for (isKnown, isNative) in [(false, true), (false, false), (true, true), (true, false)] {
                let activity = clock.activity(
                    owner.intake, isKnown: isKnown, isNative: isNative, waitsForMemory: false, now: Self.start)
                #expect(activity.isInsideFrame == (isInside && (isKnown || !isNative)))
                #expect(activity.isKnown == isKnown && activity.holdsMemory == isInside && !activity.hasHeldFrames)
            }
        }
    }

    @Test("an unanswered frame is a held frame until it is answered")
    func heldFrames() {
        let owner = IntakeOwner(window: 2, maxFrameBytes: 100, firstBytes: 4, isFree: true)
        var clock = ActivityClock(now: Self.start)
        _ = owner.offer(encoded([1]))
        for isHeld in [true, false] {
            let activity = clock.activity(
                owner.intake, isKnown: true, isNative: true, waitsForMemory: false, now: Self.start)
            #expect(activity.hasHeldFrames == isHeld && !activity.isInsideFrame && !activity.holdsMemory)
            owner.answerAll()
        }
    }
}
