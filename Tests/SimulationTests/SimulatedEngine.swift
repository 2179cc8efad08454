import Domain
import Ledger
import ReplicatedLedger

@testable import Agency

/// A model of a replicated log with conditional publishes: one sequence for the stream, a last message for each subject.
///
/// Outcomes get lost, publishes are applied after their outcome was reported as unknown, and reads are old.
struct SimulatedEngine {
    /// How the engine misbehaves beyond what its documentation says.
    enum Vice: CaseIterable {
        case none
        /// It stores every message, whatever is expected.
        case ignoresExpectations
        /// It loses a stored message, and the hole shows in the sequences.
        case losesMessages
        /// It loses a stored message and numbers the others again.
        case losesMessagesSilently
    }

    let vice: Vice
    private(set) var stream: [(sequence: UInt64, message: AgencyMessage)] = []
    private var lastSequence: UInt64 = 0

    init(_ vice: Vice) { self.vice = vice }

    /// Stores a message if the subject's last message has the expected sequence.
    mutating func publish(_ message: AgencyMessage, after expected: UInt64) -> PublishOutcome {
        let last = stream.last { $0.message.agency == message.agency }?.sequence ?? 0
        guard last == expected || vice == .ignoresExpectations else { return .conflict }
        lastSequence += 1
        stream.append((lastSequence, message))
        return .stored(sequence: lastSequence)
    }

    /// The last message of a subject, or one of the two before it.
    func last(of agency: AgencyID, using dice: inout SplitMix64) -> (sequence: UInt64, message: AgencyMessage)? {
        let messages = stream.filter { $0.message.agency == agency }
        let age = dice.happens(0.3) ? Int.random(in: 1...2, using: &dice) : 0
        return messages.count > age ? messages[messages.count - 1 - age] : nil
    }

    /// The record with a sequence; nil if it is not visible yet.
    func record(of agency: AgencyID, _ sequence: UInt32) -> AgencyMessage.Record? {
        for (_, message) in stream where message.agency == agency {
            guard let records = try? message.checked().records else { continue }
            if let record = records.first(where: { $0.header.sequence == sequence }) { return record }
        }
        return nil
    }

    /// Loses up to four messages, but no agency's last one.
    mutating func loseInside(using dice: inout SplitMix64) {
        for _ in 1...Int.random(in: 1...4, using: &dice) {
            let inside = stream.indices.filter { index in
                stream[(index + 1)...].contains { $0.message.agency == stream[index].message.agency }
            }
            if let index = inside.randomElement(using: &dice) { stream.remove(at: index) }
        }
    }

    /// Loses a message, as a flipped bit does, if that is the engine's vice.
    mutating func rot(using dice: inout SplitMix64) {
        guard vice == .losesMessages || vice == .losesMessagesSilently,
            let index = stream.indices.randomElement(using: &dice)
        else { return }
        stream.remove(at: index)
        guard vice == .losesMessagesSilently else { return }
        for index in stream.indices { stream[index].sequence = UInt64(index + 1) }
        lastSequence = UInt64(stream.count)
    }
}

extension SplitMix64 {
    init(seed: UInt64) { self.init(state: seed &* 0x9E37_79B9_7F4A_7C15 &+ 1) }

    mutating func happens(_ probability: Double) -> Bool { Double.random(in: 0..<1, using: &self) < probability }
}
