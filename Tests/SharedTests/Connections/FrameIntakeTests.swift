import NIOCore
import TestKit
import Testing
import WireProtocol

@testable import Connections

/// Tests of every state of an intake with every event, and of its laws on random input.
struct FrameIntakeTests {
    // MARK: State by event

    /// A situation of an intake whose window is 2, whose limit is 100 bytes, and whose free first part is 4 bytes.
    private enum State: CaseIterable {
        case idle, header, firstPart, asks, granted, whole, doubt, oneHeld, parked, full, closed, invalid
    }

    private enum Event: CaseIterable {
        case silence, bytes, invalidLength, grant, settle, answer, park, close
    }

    private static let long = encoded([UInt8](10..<20))
    private static let short = encoded([1, 2])
    private static let doubtful = encoded([1, 99])

    /// Returns an intake in a state, and the bytes that would follow.
    private func make(_ state: State) -> (IntakeOwner, rest: [UInt8]) {
        let owner = IntakeOwner(window: 2, maxFrameBytes: 100, firstBytes: 4, mayBeCutShort: { $0.last == 99 })
        switch state {
        case .idle: break
        case .header: return (owner, owner.offered(Self.long, count: 2))
        case .firstPart: return (owner, owner.offered(Self.long, count: 6))
        case .asks: return (owner, owner.offered(Self.long, count: 9))
        case .granted, .closed:
            let rest = owner.offered(Self.long, count: 9)
            _ = owner.grant()
            if state == .closed { owner.intake.close() }
            return (owner, rest)
        case .whole: _ = owner.offer(Self.short)
        case .doubt:
            _ = owner.offer(Self.doubtful)
            _ = owner.grant()
        case .oneHeld, .parked, .full:
            for _ in 0..<(state == .full ? 2 : 1) {
                _ = owner.offer(Self.short)
                _ = owner.grant()
            }
            if state == .parked { owner.intake.parked() }
        case .invalid: _ = owner.offer([255, 255, 255, 255])
        }
        return (owner, Self.short)
    }

    /// Returns the outcome and the next state; "-" for an event that cannot happen in the state.
    private func outcome(_ event: Event, in state: State) -> String {
        let (owner, rest) = make(state)
        let text: String
        switch event {
        case .silence: text = owner.offer([]).text
        case .bytes: text = owner.offer(rest).text
        case .invalidLength: text = owner.offer([255, 255, 255, 255]).text
        case .grant:
            guard state == .asks || state == .whole else { return "-" }
            text = owner.grant()
        case .settle: text = owner.pass(owner.intake.settleDoubt())
        case .answer:
            guard owner.intake.heldFrames > 0 else { return "-" }
            owner.answer(1, wasParked: state == .parked)
            text = "answered"
        case .park:
            guard owner.intake.heldFrames > owner.intake.parkedFrames else { return "-" }
            owner.intake.parked()
            text = "parked"
        case .close:
            owner.intake.close()
            text = "closed"
        }
        return "\(text) > \(owner.view)"
    }

    /// The outcome of each event, in the order of ``Event``, and the state after it.
    private static let expected: [State: [String]] = [
        .idle: [
            "pauses after 0 > room, held 0, reserved 0", "needs whole 2 after 6 > room, inside, held 0, reserved 0",
            "invalid after 4 > shut, held 0, reserved 0", "-", "nothing > room, held 0, reserved 0", "-", "-",
            "closed > shut, held 0, reserved 0",
        ],
        .header: [
            "pauses after 0 > room, inside, held 0, reserved 0",
            "needs 10 after 6 > room, inside, collected 4, held 0, reserved 0",
            "invalid after 2 > shut, held 0, reserved 0", "-", "nothing > room, inside, held 0, reserved 0", "-", "-",
            "closed > shut, held 0, reserved 0",
        ],
        .firstPart: [
            "pauses after 0 > room, inside, collected 2, held 0, reserved 0",
            "needs 10 after 2 > room, inside, collected 4, held 0, reserved 0",
            "needs 10 after 2 > room, inside, collected 4, held 0, reserved 0", "-",
            "nothing > room, inside, collected 2, held 0, reserved 0", "-", "-", "closed > shut, held 0, reserved 0",
        ],
        .asks: [
            "needs 10 after 0 > room, inside, collected 4, held 0, reserved 0",
            "needs 10 after 0 > room, inside, collected 4, held 0, reserved 0",
            "needs 10 after 0 > room, inside, collected 4, held 0, reserved 0",
            "nothing > room, inside, collected 4, memory, held 0, reserved 10",
            "nothing > room, inside, collected 4, held 0, reserved 0", "-", "-", "closed > shut, held 0, reserved 0",
        ],
        .granted: [
            "pauses after 0 > room, inside, collected 4, memory, held 0, reserved 10",
            "frame 10 11 12 13 14 15 16 17 18 19 after 6 > room, held 1, reserved 10",
            "pauses after 4 > room, inside, collected 8, memory, held 0, reserved 10", "-",
            "nothing > room, inside, collected 4, memory, held 0, reserved 10", "-", "-",
            "closed > shut, held 0, reserved 0",
        ],
        .whole: [
            "needs whole 2 after 0 > room, inside, held 0, reserved 0",
            "needs whole 2 after 0 > room, inside, held 0, reserved 0",
            "needs whole 2 after 0 > room, inside, held 0, reserved 0", "frame 1 2 > room, held 1, reserved 2",
            "nothing > room, inside, held 0, reserved 0", "-", "-", "closed > shut, held 0, reserved 0",
        ],
        .doubt: [
            "pauses after 0 > room, inside, doubt, held 0, reserved 2", "frame 1 99 after 0 > room, held 1, reserved 2",
            "frame 1 99, cut short, after 0 > room, held 1, reserved 2", "-", "frame 1 99 > room, held 1, reserved 2",
            "-", "-", "closed > shut, held 0, reserved 0",
        ],
        .oneHeld: [
            "pauses after 0 > room, held 1, reserved 2", "needs whole 2 after 6 > room, inside, held 1, reserved 2",
            "invalid after 4 > shut, held 1, reserved 2", "-", "nothing > room, held 1, reserved 2",
            "answered > room, held 0, reserved 0", "parked > room, draw, held 1, reserved 2",
            "closed > shut, held 1, reserved 2",
        ],
        .parked: [
            "pauses after 0 > room, draw, held 1, reserved 2",
            "needs whole 2 after 6 > room, inside, draw, held 1, reserved 2",
            "invalid after 4 > shut, draw, held 1, reserved 2", "-", "nothing > room, draw, held 1, reserved 2",
            "answered > room, held 0, reserved 0", "-", "closed > shut, draw, held 1, reserved 2",
        ],
        .full: [
            "pauses after 0 > shut, held 2, reserved 4", "pauses after 0 > shut, held 2, reserved 4",
            "pauses after 0 > shut, held 2, reserved 4", "-", "nothing > shut, held 2, reserved 4",
            "answered > room, held 1, reserved 2", "parked > shut, held 2, reserved 4",
            "closed > shut, held 2, reserved 4",
        ],
        .closed: [
            "pauses after 0 > shut, held 0, reserved 0", "pauses after 0 > shut, held 0, reserved 0",
            "pauses after 0 > shut, held 0, reserved 0", "-", "nothing > shut, held 0, reserved 0", "-", "-",
            "closed > shut, held 0, reserved 0",
        ],
        .invalid: [
            "pauses after 0 > shut, held 0, reserved 0", "pauses after 0 > shut, held 0, reserved 0",
            "pauses after 0 > shut, held 0, reserved 0", "-", "nothing > shut, held 0, reserved 0", "-", "-",
            "closed > shut, held 0, reserved 0",
        ],
    ]

    @Test("every event in every state", arguments: State.allCases)
    private func table(_ state: State) {
        #expect(Event.allCases.map { outcome($0, in: state) } == Self.expected[state])
    }

    // MARK: Closed

    @Test("a closed intake holds no memory, takes no bytes and passes nothing on", arguments: State.allCases)
    private func closed(_ state: State) {
        let (owner, rest) = make(state)
        owner.keep(rest)
        owner.intake.close()
        #expect(owner.reservedBytes == owner.heldBytes, "only frames that were passed on keep their memory")
        owner.keep(rest)
        #expect(!owner.intake.hasUnread && !owner.intake.holdsMemory && !owner.intake.isInsideFrame)
        #expect(!owner.intake.hasRoom && !owner.intake.hasDoubt && owner.intake.collectedBytes == 0)
        #expect(owner.offer(Self.short).text == "pauses after 0")
        #expect(owner.intake.settleDoubt() == nil)
        owner.answerAll()
        #expect(owner.reservedBytes == 0 && !owner.intake.hasRoom)
    }

    @Test("a message without an end closes the intake and releases its memory")
    func unterminated() {
        let owner = IntakeOwner(framing: .newlines(2), window: 2, maxFrameBytes: 8, firstBytes: 4)
        #expect(owner.offer([1, 2, 3, 4, 5, 6, 7]).text == "needs 8 after 4")
        #expect(owner.grant() == "nothing" && owner.reservedBytes == 8)
        #expect(owner.offer([5, 6, 7, 8, 9]).text == "invalid after 4")
        #expect(owner.reservedBytes == 0 && !owner.intake.hasRoom)
    }

    // MARK: Memory

    @Test("a message whose size only its end shows reserves the maximum, and keeps what it needs")
    func shrinks() {
        let owner = IntakeOwner(framing: .newlines(1), window: 2, maxFrameBytes: 50, firstBytes: .max)
        #expect(owner.offer([1, 2]).text == "needs 50 after 0")
        _ = owner.grant()
        #expect(owner.reservedBytes == 50)
        #expect(owner.offer([1, 2, 10]).text == "frame 1 2 10 after 3")
        #expect(owner.reservedBytes == 3)
    }

    @Test("a proven peer's frame is reserved from its start, whether it is shorter than a first part or not")
    func proven() {
        let owner = IntakeOwner(window: 2, maxFrameBytes: 100, firstBytes: 4)
        owner.intake.firstBytes = .max
        #expect(owner.offer(Self.short).text == "needs 2 after 4")
        #expect(owner.grant() == "nothing")
        #expect(owner.offer([1, 2]).text == "frame 1 2 after 2")
        #expect(owner.offer(Self.long).text == "needs 10 after 4")
    }

    @Test("a peer proven in the middle of a first part asks for the whole frame at the end of that part")
    func provenInside() {
        let owner = IntakeOwner(window: 2, maxFrameBytes: 100, firstBytes: 4)
        let rest = owner.offered(Self.long, count: 6)
        owner.intake.firstBytes = .max
        #expect(owner.offer(rest).text == "needs 10 after 2")
        #expect(owner.intake.collectedBytes == 4)
        #expect(owner.grant() == "nothing")
        #expect(owner.offer(Array(rest.dropFirst(2))).text == "frame 10 11 12 13 14 15 16 17 18 19 after 6")
    }

    @Test("a free intake asks for nothing, and one that stops being free asks when its frame is whole")
    func free() {
        let owner = IntakeOwner(window: 3, maxFrameBytes: 100, firstBytes: 4, isFree: true)
        #expect(owner.offer(Self.long).text == "frame 10 11 12 13 14 15 16 17 18 19 after 14")
        let rest = owner.offered(Self.long, count: 12)
        #expect(owner.reservedBytes == 0)
        owner.intake.isFree = false
        #expect(owner.offer(rest).text == "needs whole 10 after 2")
        #expect(owner.grant() == "frame 10 11 12 13 14 15 16 17 18 19")
        #expect(owner.reservedBytes == 10)
    }

    @Test("an empty message needs no memory")
    func empty() {
        let owner = IntakeOwner(framing: .counted(headerBytes: 4), window: 2, maxFrameBytes: 100, firstBytes: 4)
        #expect(owner.offer([0, 0, 0, 0]).text == "frame  after 4")
        #expect(owner.reservedBytes == 0 && owner.intake.heldFrames == 1)
    }

    // MARK: Window, doubt, kept bytes

    @Test("a frame in progress completes under the old limit, the next one is cut by the new limit")
    func limitChanges() {
        let owner = IntakeOwner(window: 2, maxFrameBytes: 10, firstBytes: 4, isFree: true)
        let rest = owner.offered(Self.long, count: 5)
        owner.intake.maxFrameBytes = 1
        #expect(owner.offer(rest).text == "frame 10 11 12 13 14 15 16 17 18 19 after 9")
        #expect(owner.offer(Self.short).text == "invalid after 4")
    }

    @Test("an intake resumes where it paused when its window grows or a frame is answered")
    func resumes() {
        let (owner, rest) = make(.full)
        #expect(owner.offer(rest).text == "pauses after 0")
        owner.intake.window = 3
        #expect(owner.offer(rest).text == "needs whole 2 after 6" && owner.grant() == "frame 1 2")
        #expect(owner.offer(rest).text == "pauses after 0")
        owner.answer(1)
        #expect(owner.offer(rest).text == "needs whole 2 after 6")
    }

    @Test("the byte after a doubtful frame decides, and is not taken", arguments: [0, 1, 13, 255] as [UInt8])
    func doubt(_ byte: UInt8) {
        let (owner, _) = make(.doubt)
        #expect(owner.offer([]).text == "pauses after 0" && owner.intake.hasDoubt)
        #expect(owner.reservedBytes == 2)
        let expected = byte == 0 ? "frame 1 99 after 0" : "frame 1 99, cut short, after 0"
        #expect(owner.offer([byte]).text == expected)
        #expect(owner.intake.heldFrames == 1 && !owner.intake.hasDoubt)
    }

    @Test("only unanswered frames that all wait for the draw make an intake wait only for the draw")
    func waitsOnlyForDraw() {
        for held in 0...3 {
            for parked in 0...held {
                let owner = IntakeOwner(window: 3, maxFrameBytes: 100, firstBytes: 4, isFree: true)
                for _ in 0..<held { _ = owner.offer(Self.short) }
                for _ in 0..<parked { owner.intake.parked() }
                #expect(owner.intake.waitsOnlyForDraw == (held > 0 && held == parked), "\(parked) of \(held)")
            }
        }
    }

    @Test("kept bytes are taken once, in the order of their arrival")
    func kept() {
        let (owner, _) = make(.full)
        for piece in [[1, 2], [], [3]] as [[UInt8]] { owner.keep(piece) }
        #expect(owner.intake.hasUnread == true)
        #expect(owner.intake.takeUnread().map { Array($0.readableBytesView) } == [1, 2, 3])
        #expect(!owner.intake.hasUnread && owner.intake.takeUnread() == nil)
    }

    // MARK: Laws

    /// A framing with the frames that it can carry.
    private enum Form: CaseIterable {
        case counted, headerKept, newline

        var framing: Framing {
            switch self {
            case .counted: .native
            case .headerKept: .counted(headerBytes: 1, isHeaderKept: true)
            case .newline: .newlines(1)
            }
        }

        /// Returns a message and the frame that it becomes.
        func message(_ body: [UInt8]) -> (bytes: [UInt8], frame: [UInt8]) {
            switch self {
            case .counted: (encoded(body), body)
            case .headerKept: ([UInt8(body.count)] + body, [UInt8(body.count)] + body)
            case .newline: (body + [10], body + [10])
            }
        }
    }

    @Test(
        "however bytes, memory and answers arrive, frames are whole, in order, within the window, and have memory",
        arguments: Form.allCases, [1, 4, 16, .max])
    private func laws(_ form: Form, _ firstBytes: Int) {
        for seed in 1...25 as ClosedRange<UInt64> {
            var random = SeededGenerator(seed: seed)
            let messages = (0..<20).map { _ in
                form.message(
                    (0..<Int.random(in: 1...40, using: &random)).map { _ in .random(in: 11...98, using: &random) })
            }
            let window = Int.random(in: 1...4, using: &random)
            let owner = IntakeOwner(framing: form.framing, window: window, maxFrameBytes: 50, firstBytes: firstBytes)
            let frames = follow(messages.flatMap(\.bytes), owner, window: window, freeBytes: firstBytes, &random)
            #expect(frames == messages.map(\.frame), "seed \(seed)")
            owner.answerAll()
            #expect(owner.reservedBytes == 0, "seed \(seed)")
        }
    }

    /// Offers a stream in random pieces, with memory and answers at random times; checks every step.
    ///
    /// - Returns: the frames that were passed on.
    private func follow(
        _ stream: [UInt8], _ owner: IntakeOwner, window: Int, freeBytes: Int, _ random: inout SeededGenerator
    ) -> [[UInt8]] {
        var (frames, position, asked, steps): ([[UInt8]], Int, String?, Int) = ([], 0, nil, 0)
        while position < stream.count || owner.intake.isInsideFrame, steps < 10_000 {
            steps += 1
            let heldBefore = owner.held.count
            let end = min(stream.count, position + Int.random(in: 0...20, using: &random))
            let (text, taken) = owner.offer(Array(stream[position..<end]))
            position += taken
            if let asked { #expect(text == asked, "nothing is taken until memory is granted") }
            if text.hasPrefix("needs") {
                asked = text.replacing(#/after \d+/#, with: "after 0")
                if Bool.random(using: &random) {
                    _ = owner.grant()
                    asked = nil
                }
            }
            frames += owner.held.dropFirst(heldBefore).map(\.bytes)
            let (collected, holdsMemory) = (owner.intake.collectedBytes, owner.intake.holdsMemory)
            // A kept header of one byte is collected before the memory for its frame is asked for.
            if !holdsMemory {
                #expect(collected <= (freeBytes == .max ? 1 : freeBytes), "\(collected) bytes have no memory")
            }
            #expect(owner.intake.heldFrames == owner.held.count && owner.held.count <= window)
            #expect(owner.reservedBytes == owner.heldBytes + (holdsMemory ? owner.grantedBytes : 0))
            if owner.held.count > 0, Int.random(in: 0..<4, using: &random) == 0 { owner.answer(1) }
        }
        return frames
    }
}
