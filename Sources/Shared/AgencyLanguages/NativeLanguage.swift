import Domain
import WireProtocol

/// The agency's side of the native protocol, on one connection.
package struct NativeLanguage: AgencyLanguage {
    package let name = "native"
    package let hasWinnersPort = true
    package let isOneMessagePerConnection = false
    package let rejectionCloses = false
    package let separator: String? = nil
    package let abilities: Set<AgencyAbility> = [.longDocuments]

    package let nonsense = AgencyNonsense(
        empty: [0, 0, 0, 0], unknown: [0, 0, 0, 1, 0x77], header: [0xFF, 0xFF, 0xFF, 0xFF])

    /// The sequence from WELCOME, plus one for each chunk since.
    private var nextSequence: UInt32 = 1

    package init() {}

    package mutating func greeting(agency: String) -> [UInt8]? {
        Message.hello(Hello(agency: AgencyID(UInt32(agency) ?? 0))).encoded
    }

    package mutating func chunk(_ rows: [[String]], agency: String, isLast: Bool) -> [UInt8] {
        var columns = BetColumnsBuilder()
        for row in rows {
            columns.append(
                firstName: Array(row[0].utf8).span, lastName: Array(row[1].utf8).span,
                document: Array(row[2].utf8).span,
                birthdate: Birthdate(packed: UInt32(row[3].filter { $0 != "-" }) ?? 0), number: UInt16(row[4]) ?? .max)
        }
        defer { nextSequence += 1 }
        return Message.chunk(columns.takeChunk(sequence: nextSequence, isLast: isLast)).encoded
    }

    package mutating func finish(agency: String) -> [UInt8]? { chunk([], agency: agency, isLast: true) }

    package mutating func consult(agency: String) -> [UInt8] {
        Message.consultWinners(waitMilliseconds: Limits.maxWaitMilliseconds).encoded
    }

    package mutating func reply(_ bytes: [UInt8], to question: AgencyQuestion) -> AgencyReading {
        guard let range = bytes.countedRange else { return .needsBytes }
        let byteCount = range.upperBound
        let message: Message
        do throws(MessageFault) {
            message = try Message(frame: Array(bytes[range]))
        } catch {
            return .invalid
        }
        switch (question, message) {
        case (.greeting, .welcome(let welcome)):
            nextSequence = welcome.nextSequence
            return .reply(.stored, byteCount: byteCount)
        case (.chunk, .chunkProcessed): return .reply(.stored, byteCount: byteCount)
        case (.finish, .chunkProcessed): return .reply(.finished, byteCount: byteCount)
        case (_, .chunkRejected(let rejected)):
            return .reply(.rejected(badBets: 1, reason: rejected.message), byteCount: byteCount)
        case (.consult, .winners(let winners)): return .reply(.winners(winners.documents), byteCount: byteCount)
        case (.consult, .notDrawnYet): return .reply(.notDrawnYet, byteCount: byteCount)
        case (_, .error(_, let text)): return .reply(.rejected(badBets: 0, reason: text), byteCount: byteCount)
        default: return .invalid
        }
    }
}
