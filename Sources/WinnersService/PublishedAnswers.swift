import Connections
import Dialects
import Domain
import Ledger
import NIOCore
import Storage
import WireProtocol

/// The encoded answers that an event loop keeps, for all draws together.
///
/// Isolation: one event loop.
final class AnswerBudget {
    static let maxBytes = 8 << 20

    var bytes = 0
}

/// The answers of a published draw, encoded once and shared, within a bound.
///
/// Isolation: one event loop.
final class PublishedAnswers {
    private let file: WinnersFile
    private let draw: DrawID
    private var welcomes: [AgencyID: ByteBuffer] = [:]
    private var winners: [AgencyID: ByteBuffer] = [:]
    private var keptBytes = 0
    private let kept: AnswerBudget

    init(_ file: WinnersFile, draw: DrawID, kept: AnswerBudget) {
        self.file = file
        self.draw = draw
        self.kept = kept
    }

    /// Returns the bytes that it keeps to the budget.
    func release() {
        kept.bytes -= keptBytes
        keptBytes = 0
        welcomes = [:]
        winners = [:]
    }

    var agencies: UInt32 { file.header.agencies }

    /// Returns nil if the file cannot be read; an agency that took no part has no bets.
    func welcome(_ agency: AgencyID) -> ByteBuffer? {
        if let known = welcomes[agency] { return known }
        guard let entry = try? file.entry(agency) else { return nil }
        let welcome = Welcome(
            nextSequence: 0, storedBets: entry.bets, rejectedBets: entry.rejectedBets,
            maxFrameBytes: UInt32(Limits.maxConsultFrameBytes), window: 1, isFinished: agency.rawValue <= agencies,
            draw: draw.name)
        let bytes = ByteBuffer(bytes: Message.welcome(welcome).encoded)
        if keep(bytes) { welcomes[agency] = bytes }
        return bytes
    }

    /// Returns an agency's winners, in as many frames as needed; no bytes if the dialect cannot express them.
    func winners(_ agency: AgencyID, dialect: (any Dialect)?) throws(WinnersFault) -> FramedAnswer? {
        if let known = winners[agency] { return .shared(known) }
        let entry: WinnersEntry
        do throws(DiskError) {
            entry = try file.entry(agency)
        } catch {
            throw .disk(error)
        }
        guard var stream = WinnersStream(file, entry, dialect: dialect) else { return .bytes([]) }
        guard stream.isOnePiece else { return .winners(stream) }
        var bytes: [UInt8] = []
        try stream.appendNext(to: &bytes)
        let buffer = ByteBuffer(bytes: bytes)
        if keep(buffer) { winners[agency] = buffer }
        return .shared(buffer)
    }

    private func keep(_ bytes: ByteBuffer) -> Bool {
        // 200 bytes for a dictionary entry and a buffer's overhead.
        let byteCount = bytes.readableBytes + 200
        guard kept.bytes + byteCount <= AnswerBudget.maxBytes else { return false }
        kept.bytes += byteCount
        keptBytes += byteCount
        return true
    }
}
