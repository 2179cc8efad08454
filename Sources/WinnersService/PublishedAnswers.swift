import NIOCore
import Shared

/// What every agency is told once the draw is published: encoded once, shared by all who ask.
///
/// A class, so that a consultation counts one reference and not one for each part.
final class PublishedAnswers: Sendable {
    private struct Entry: Sendable {
        var welcome: ByteBuffer
        var winners: ByteBuffer
    }

    private let entries: [AgencyID: Entry]
    private let strangers: Entry

    /// - Parameter dialect: what the agencies speak; nil: the native protocol.
    init(_ result: DrawResult, dialect: (any Dialect)? = nil) {
        func entry(_ agency: DrawResult.Agency?) -> Entry {
            let welcome = Message.welcome(
                Welcome(
                    nextSequence: 0, storedBets: agency?.bets ?? 0,
                    rejectedBets: agency?.rejectedBets ?? 0,
                    maxFrameBytes: UInt32(Limits.maxConsultFrameBytes), window: 1,
                    isFinished: agency != nil, draw: result.draw.name))
            return Entry(
                welcome: ByteBuffer(bytes: welcome.encoded),
                winners: dialect.map { Self.winners(agency?.winners ?? [], in: $0) }
                    ?? Self.winners(agency?.winners ?? [], number: result.winningNumber))
        }
        entries = Dictionary(
            uniqueKeysWithValues: result.agencies.map { ($0.agency, entry($0)) })
        strangers = entry(nil)
    }

    /// The WELCOME of an agency.
    ///
    /// One that took no part in the draw has no bets.
    func welcome(_ agency: AgencyID) -> ByteBuffer {
        entries[agency]?.welcome ?? strangers.welcome
    }

    /// Its INFORM_AGENCY_WINNERS, as many frames as it takes.
    func winners(_ agency: AgencyID) -> ByteBuffer {
        entries[agency]?.winners ?? strangers.winners
    }

    private static func winners(_ documents: [String], in dialect: any Dialect) -> ByteBuffer {
        var bytes: [UInt8] = []
        _ = dialect.encode(.winners(documents), into: &bytes)
        return ByteBuffer(bytes: bytes)
    }

    /// Splits a list of documents into messages of at most `Limits.maxInformFrameBytes`.
    private static func winners(_ documents: [String], number: UInt16) -> ByteBuffer {
        var bytes: [UInt8] = []
        var rest = documents[...]
        repeat {
            var count = 0
            var frameBytes = 8
            for document in rest {
                frameBytes += 1 + document.utf8.count
                guard frameBytes <= Limits.maxInformFrameBytes else { break }
                count += 1
            }
            let part = Array(rest.prefix(count))
            rest = rest.dropFirst(count)
            let message = Message.winners(
                Winners(winningNumber: number, hasMore: !rest.isEmpty, documents: part))
            message.encode(into: &bytes)
        } while !rest.isEmpty
        return ByteBuffer(bytes: bytes)
    }
}
