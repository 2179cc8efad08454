import Domain
import Ledger
import ReplicatedLedger
import TestKit
import Testing
import WireProtocol

@testable import BetIngest

/// Messages of an agency's subject, also such as an engine should not return.
struct AgencyMessageTests {
    private static let time = Instant(milliseconds: 1_763_676_675_000)

    /// The messages of an agency that sends two chunks, one after the other: a session and two groups.
    private static func messages() -> [AgencyMessage] {
        var writer = SubjectWriter(agency: AgencyID(1), node: 7)
        var bytes: [[UInt8]] = []
        func perform(_ outputs: [SubjectWriter.Output]) throws {
            for case .publish(let message, let after, let attempt) in outputs {
                bytes.append(message)
                try perform(writer.published(.stored(sequence: after + 1), of: attempt, at: time))
            }
            if outputs.contains(.readLast(afterOld: false)) { try perform(writer.read(nil, at: time)) }
        }
        try? perform(writer.hello(1, at: time))
        for sequence in 1...2 as ClosedRange<UInt32> {
            let chunk = CheckedChunk(Samples.chunk(agency: 1, sequence: sequence, isLast: sequence == 2), fault: nil)
            try? perform(writer.receive(SubjectWriter.Chunk(chunk), from: 1, at: time))
        }
        return bytes.compactMap { try? AgencyMessage($0) }
    }

    @Test("a message is read as it was written")
    func roundTrip() throws {
        let messages = Self.messages()
        #expect(messages.map(\.kind) == [.session, .group, .group])
        #expect(messages.map(\.number) == [0, 1, 2])
        for message in messages { #expect(try AgencyMessage(message.bytes) == message) }
    }

    @Test("no flipped bit ends a node, and none gets into a draw")
    func flippedBits() throws {
        let messages = Self.messages()
        let whole = messages.map(\.bytes)
        let bets = try messages.flatMap { try $0.checked().records }
        for index in whole.indices {
            for bit in 0..<whole[index].count * 8 {
                var bytes = whole
                bytes[index][bit / 8] ^= 1 << (bit % 8)
                var check = StreamCheck()
                var records: [AgencyMessage.Record] = []
                var fault: ChainFault?
                do throws(ChainFault) {
                    for (sequence, bytes) in bytes.enumerated() {
                        records += try check.add(try? AgencyMessage(bytes), sequence: UInt64(sequence) + 1)
                    }
                } catch {
                    fault = error
                }
                let isFound = fault != nil || check.damage(of: DrawAgencies(1)) != nil
                // Nothing follows the last message, so only its own checksums speak for it: those of its chunks.
                #expect(isFound || records == bets || index == whole.count - 1, "message \(index), bit \(bit)")
                var writer = SubjectWriter(agency: AgencyID(1), node: 8)
                _ = writer.hello(1, at: Self.time)
                if let message = try? AgencyMessage(bytes[index]) {
                    _ = try? writer.read((UInt64(index) + 1, message), at: Self.time)
                }
            }
        }
    }
}
