import NIOCore
import Testing
import WireProtocol

@testable import Connections

/// Returns a frame of the native framing.
func encoded(_ frame: [UInt8]) -> [UInt8] {
    var bytes: [UInt8] = []
    bytes.append(bigEndian: UInt32(frame.count))
    return bytes + frame
}

/// The owner of an intake: it does what ``FramedChannelHandler`` does with one, a step at a time.
final class IntakeOwner {
    var intake: FrameIntake
    private let budget: FrameBudget
    private let budgetBytes: Int
    /// The bytes that the intake asks for; nil if it does not.
    private var askedBytes: Int?
    /// The bytes that were last granted.
    private(set) var grantedBytes = 0
    /// The unanswered frames.
    private(set) var held: [Frame] = []

    init(
        framing: Framing = .native, window: Int, maxFrameBytes: Int, firstBytes: Int, isFree: Bool = false,
        budgetBytes: Int = 10_000,
        mayBeCutShort: @escaping @Sendable ([UInt8]) -> Bool = { _ in false }
    ) {
        self.budgetBytes = budgetBytes
        budget = FrameBudget(byteCount: budgetBytes, maxFrameBytes: budgetBytes)
        intake = FrameIntake(
            framing, window: window, maxFrameBytes: maxFrameBytes, firstBytes: firstBytes, isFree: isFree,
            mayBeCutShort: mayBeCutShort)
    }

    var reservedBytes: Int { budgetBytes - budget.availableBytes }
    var heldBytes: Int { held.reduce(0) { $0 + ($1.reservation == nil ? 0 : $1.bytes.count) } }

    /// The observable state.
    var view: String {
        let flags = [
            intake.hasRoom ? "room" : "shut", intake.isInsideFrame ? "inside" : nil,
            intake.collectedBytes > 0 ? "collected \(intake.collectedBytes)" : nil,
            intake.holdsMemory ? "memory" : nil, intake.hasDoubt ? "doubt" : nil,
            intake.waitsOnlyForDraw ? "draw" : nil, "held \(intake.heldFrames)", "reserved \(reservedBytes)",
        ]
        return flags.compactMap { $0 }.joined(separator: ", ")
    }

    /// Offers bytes up to the next event; returns the event with the number of bytes that were taken.
    func offer(_ bytes: [UInt8]) -> (text: String, taken: Int) {
        var index = 0
        let text: String
        switch intake.next(bytes.span.bytes, from: &index) {
        case .pauses: text = "pauses"
        case .needsMemory(let byteCount, let isWhole):
            askedBytes = byteCount
            text = isWhole ? "needs whole \(byteCount)" : "needs \(byteCount)"
        case .frame(let frame): text = pass(frame)
        case .invalid: text = "invalid"
        }
        return ("\(text) after \(index)", index)
    }

    /// Offers the first bytes of a message; returns those that were not taken and those after them.
    func offered(_ bytes: [UInt8], count: Int) -> [UInt8] {
        Array(bytes.dropFirst(offer(Array(bytes.prefix(count))).taken))
    }

    /// Grants the memory that the intake asked for.
    func grant() -> String {
        guard let askedBytes else {
            Issue.record("memory was not asked for")
            return ""
        }
        self.askedBytes = nil
        grantedBytes = askedBytes
        guard case .reserved(let reservation) = budget.reserve(askedBytes, .proven, otherwise: { _ in }) else {
            Issue.record("\(askedBytes) bytes were not reserved")
            return ""
        }
        return pass(intake.admit(reservation))
    }

    /// Holds a frame that was passed on; returns its description.
    func pass(_ frame: Frame?) -> String {
        guard let frame else { return "nothing" }
        held.append(frame)
        return "frame \(frame.bytes.map(String.init).joined(separator: " "))" + (frame.isCutShort ? ", cut short," : "")
    }

    func keep(_ bytes: [UInt8]) {
        intake.keep(ByteBuffer(bytes: bytes).readableBytesView)
    }

    /// Answers the oldest frames.
    func answer(_ count: Int, wasParked: Bool = false) {
        for _ in 0..<count {
            held.removeFirst()
            intake.answered(wasParked: wasParked)
        }
    }

    func answerAll() {
        answer(held.count)
    }
}
