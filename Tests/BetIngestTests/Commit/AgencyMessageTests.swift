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

    /// The messages of an agency that sends chunks, one after the other: a session and a group for each.
    ///
    /// - Parameters:
    ///   - last: the agency's last message, if it has one.
    ///   - lost: chunks that are sent again.
    private static func messages(
        chunks: ClosedRange<UInt32> = 1...2, of count: UInt32 = 2, after last: (UInt64, AgencyMessage)? = nil,
        lost: [LostChunks] = []
    ) -> [AgencyMessage] {
        var writer = SubjectWriter(agency: AgencyID(1), node: 7)
        writer.lost = lost
        var bytes: [[UInt8]] = []
        func perform(_ outputs: [SubjectWriter.Output]) throws {
            for case .publish(let message, let after, let attempt) in outputs {
                bytes.append(message)
                try perform(writer.published(.stored(sequence: after + 1), of: attempt, at: time))
            }
            if outputs.contains(.readLast(afterOld: false)) { try perform(writer.read(last, at: time)) }
        }
        try? perform(writer.hello(1, at: time))
        for sequence in chunks {
            let chunk = Samples.chunk(agency: 1, sequence: sequence, isLast: sequence == count)
            try? perform(writer.receive(SubjectWriter.Chunk(CheckedChunk(chunk, fault: nil)), from: 1, at: time))
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
                #expect(fault == nil, "message \(index), bit \(bit)")
                let isFound = check.damage(of: DrawAgencies(1)) != nil
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

    /// Checks the stream of agency 1, whose messages have these sequences.
    private static func check(
        _ stream: [(sequence: UInt64, bytes: [UInt8])], _ repairs: StreamCheck.Repairs = StreamCheck.Repairs()
    ) throws -> (check: StreamCheck, payloads: [[UInt8]]) {
        var check = StreamCheck(repairs)
        var payloads: [[UInt8]] = []
        let subject = EngineStream.subject(of: AgencyID(1), in: Samples.draw)
        for (sequence, bytes) in stream {
            let stored = StoredMessage(sequence: sequence, subject: subject, bytes: bytes)
            payloads += try check.add(try? AgencyMessage(stored, in: Samples.draw), sequence: sequence).map(\.payload)
        }
        return (check, payloads)
    }

    @Test("whatever bit is changed in the message after a lost one, its agency's chunks mend the stream")
    func changedAfterLost() throws {
        let messages = Self.messages(chunks: 1...4, of: 4)
        let whole = messages.enumerated().map { (sequence: UInt64($0) + 1, bytes: $1.bytes) }
        let payloads = try Self.check(whole).payloads
        for bit in 0..<whole[2].bytes.count * 8 {
            var stream = whole
            stream[2].bytes[bit / 8] ^= 1 << (bit % 8)
            stream.remove(at: 1)
            let damage = try #require(try Self.check(stream).check.damage(of: DrawAgencies(1)), "bit \(bit)")
            let lost = damage.lost[AgencyID(1)] ?? []
            let (first, next) = (lost.first?.before.nextSequence, lost.last?.after.nextSequence)
            guard damage.unknown == 0, first == 1, let next, next > 1, next <= 3 else {
                Issue.record("bit \(bit): \(damage)")
                continue
            }
            let again = Self.messages(chunks: 1...next - 1, of: 4, after: (5, messages[4]), lost: lost)
            stream += again.enumerated().map { (sequence: UInt64($0) + 6, bytes: $1.bytes) }
            let repairs = try #require(try Self.check(stream).check.completeRepairs, "bit \(bit): \(damage)")
            let mended = try Self.check(stream, repairs)
            #expect(mended.check.damage(of: DrawAgencies(1)) == nil && mended.payloads == payloads, "bit \(bit)")
        }
    }
}
