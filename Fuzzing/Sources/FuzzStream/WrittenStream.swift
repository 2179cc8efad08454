import Domain
import FuzzKit
import Ledger
import ReplicatedLedger
import WireProtocol

/// The stream of a draw of three agencies, as nodes write it.
struct WrittenStream {
    static let agencies = DrawAgencies(3)
    static let draw: DrawID = {
        guard let draw = DrawID("default") else { violated("default is the name of a draw") }
        return draw
    }()
    private static let time = Instant(milliseconds: 1_763_676_675_000)

    private(set) var messages: [StoredMessage] = []

    /// A stream with sessions, groups, a rejection and each kind of end.
    static let whole: WrittenStream = {
        var stream = WrittenStream()
        // The number of a connection, then the sequences that it sends.
        stream.send(1, [(1, [1, 2]), (2, [3, 4, 5])], lastSequence: 5)
        stream.send(2, [(1, [1, 2, 3])], lastSequence: nil)
        stream.send(3, [(1, [1]), (1, [2])], lastSequence: 2)
        return stream
    }()

    init() {}

    init(_ messages: [StoredMessage]) { self.messages = messages }

    /// Sends an agency's chunks, each connection's after its HELLO.
    ///
    /// - Parameter lastSequence: of the last chunk; nil if the agency is closed instead.
    private mutating func send(_ agency: UInt32, _ connections: [(UInt64, [UInt32])], lastSequence: UInt32?) {
        var writer = SubjectWriter(agency: AgencyID(agency), node: UInt64(agency))
        for (connection, sequences) in connections {
            perform(&writer, agency) { writer, time in writer.hello(connection, at: time) }
            for sequence in sequences {
                let chunk = Self.chunk(agency, sequence, isLast: sequence == lastSequence)
                perform(&writer, agency) { writer, time in writer.receive(chunk, from: connection, at: time) }
            }
        }
        if lastSequence == nil { perform(&writer, agency) { writer, time in writer.close(at: time) } }
    }

    /// Whether each agency has the same last message in both: nothing vouches for it.
    func hasSameEnds(as other: WrittenStream) -> Bool {
        Self.agencies.members.allSatisfy { agency in
            let subject = EngineStream.subject(of: agency, in: Self.draw)
            let (own, others) = (messages.last { $0.subject == subject }, other.messages.last { $0.subject == subject })
            return own?.bytes == others?.bytes
        }
    }

    /// Sends lost chunks of an agency again, from the first of them on.
    mutating func sendAgain(_ agency: AgencyID, _ lost: [LostChunks]) {
        guard let first = lost.first, let after = lost.last?.after else { return }
        var writer = SubjectWriter(agency: agency, node: 9)
        writer.lost = lost
        writer.lostFrom = first.before
        perform(&writer, agency.rawValue) { writer, time in writer.hello(9, at: time) }
        // A forged message may say that there were billions.
        for sequence in 1...UInt32(100)
        where sequence >= first.before.nextSequence && sequence < after.nextSequence {
            let isLast = after.isFinished && sequence == after.nextSequence - 1
            let chunk = Self.chunk(agency.rawValue, sequence, isLast: isLast)
            perform(&writer, agency.rawValue) { writer, time in writer.receive(chunk, from: 9, at: time) }
        }
    }

    /// Gives a writer an input and does what it says, as an engine that never fails.
    private mutating func perform(
        _ writer: inout SubjectWriter, _ agency: UInt32,
        _ input: (inout SubjectWriter, Instant) -> [SubjectWriter.Output]
    ) {
        var outputs = input(&writer, Self.time)
        while !outputs.isEmpty {
            switch outputs.removeFirst() {
            case .readLast:
                do throws(ChainFault) {
                    outputs += try writer.read(last(of: AgencyID(agency)), at: Self.time)
                } catch {
                    return  // The node waits until the message is whole.
                }
            case .publish(let bytes, _, let attempt):
                let sequence = (messages.last?.sequence ?? 0) + 1
                let subject = EngineStream.subject(of: AgencyID(agency), in: Self.draw)
                messages.append(StoredMessage(sequence: sequence, subject: subject, bytes: bytes))
                outputs += writer.published(.stored(sequence: sequence), of: attempt, at: Self.time)
            default: break
            }
        }
    }

    private func last(of agency: AgencyID) -> (sequence: UInt64, message: AgencyMessage)? {
        for stored in messages.reversed() {
            if let message = try? AgencyMessage(stored, in: Self.draw), message.agency == agency {
                return (stored.sequence, message)
            }
        }
        return nil
    }

    /// The chunk that an agency sends with a sequence, each time the same.
    private static func chunk(_ agency: UInt32, _ sequence: UInt32, isLast: Bool) -> SubjectWriter.Chunk {
        var builder = BetColumnsBuilder()
        for index in 0..<sequence % 3 {
            builder.append(
                Bet(
                    firstName: "Ana", lastName: "Paz", document: "\(agency)0\(sequence)0\(index)",
                    birthdate: Birthdate(packed: 19_990_317), number: 7574))
        }
        let chunk = builder.takeChunk(sequence: sequence, isLast: isLast)
        if sequence % 3 == 0 {
            let rejection = RejectionRecord(of: chunk, fault: .noBets, digest: BetsDigest())
            let bytes = rejection.bytes
            return SubjectWriter.Chunk(
                kind: .rejection, sequence: sequence, count: chunk.count,
                betCount: rejection.betCount(claimed: chunk.count), digest: BetsDigest(), bytes: bytes, payloadIndex: 0,
                payloadChecksum: CRC32C.checksum(bytes.span.bytes))
        }
        let digest = BetsDigest(BetColumns(chunk.bets, count: chunk.count))
        return SubjectWriter.Chunk(
            kind: isLast ? .lastChunk : .chunk, sequence: sequence, count: chunk.count, betCount: chunk.count,
            digest: digest, bytes: chunk.frame, payloadIndex: Chunk.betsIndex, payloadChecksum: digest.chunkChecksum)
    }
}
