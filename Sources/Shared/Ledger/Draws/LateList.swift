package import Domain

/// A chunk that arrived for a closed draw: nothing of it is in the ledger.
package struct LateChunk: Equatable, Sendable {
    /// The server's time of the decision.
    package var time: Instant
    package var agency: AgencyID
    /// 0 for a chunk of a dialect, which has none.
    package var sequence: UInt32
    package var bets: Int

    package init(time: Instant, agency: AgencyID, sequence: UInt32, bets: Int) {
        self.time = time
        self.agency = agency
        self.sequence = sequence
        self.bets = bets
    }
}

/// The late chunks of a draw, each counted once however often it is sent again.
///
/// Pure. In `late.csv` a line each: `time,agency,sequence,bets`.
package struct LateList: Sendable {
    package struct Count: Equatable, Sendable {
        package var chunks = 0
        package var bets = 0

        package init(chunks: Int = 0, bets: Int = 0) {
            self.chunks = chunks
            self.bets = bets
        }
    }

    /// The most chunks that are listed: any peer may send some, and each takes a line and 16 bytes of memory.
    package static let maxChunks = 200_000
    /// The most chunks of one agency, so that one peer cannot fill the list for the others.
    package static let maxAgencyChunks = 5000
    package static let header = "time,agency,sequence,bets\n"

    private struct Key: Hashable {
        var agency: AgencyID
        var sequence: UInt32
    }

    private var known: Set<Key> = []
    package private(set) var counts: [AgencyID: Count] = [:]
    package private(set) var total = Count()
    /// The time of the newest chunk.
    package private(set) var lastTime = Instant(milliseconds: 0)

    package init() {}

    /// Adds a chunk.
    ///
    /// - Returns: its line in the file; nil if it is known, or if the list is full.
    package mutating func add(_ chunk: LateChunk) -> String? {
        guard total.chunks < Self.maxChunks, counts[chunk.agency]?.chunks ?? 0 < Self.maxAgencyChunks else {
            return nil
        }
        if chunk.sequence > 0, !known.insert(Key(agency: chunk.agency, sequence: chunk.sequence)).inserted {
            return nil
        }
        counts[chunk.agency, default: Count()].chunks += 1
        counts[chunk.agency, default: Count()].bets += chunk.bets
        total.chunks += 1
        total.bets += chunk.bets
        lastTime = max(lastTime, chunk.time)
        return "\(chunk.time),\(chunk.agency),\(chunk.sequence),\(chunk.bets)\n"
    }

    /// Reads a file.
    ///
    /// Only the last append may have been torn by a crash, and its chunks were not answered. A line that is not valid is
    /// counted and left out, wherever it is: the others are still evidence.
    ///
    /// - Returns: the list, the bytes up to the end of the last line, and the number of lines left out.
    package static func read(_ bytes: [UInt8]) -> (list: LateList, byteCount: Int, invalidLines: Int) {
        var list = LateList()
        var invalidLines = 0
        let end = bytes.lastIndex(of: UInt8(ascii: "\n")).map { $0 + 1 } ?? 0
        for line in bytes[..<end].split(separator: UInt8(ascii: "\n")) {
            let text = String(decoding: line, as: UTF8.self)
            let fields = text.split(separator: ",", omittingEmptySubsequences: false)
            if fields.count == 4, let time = Instant(String(fields[0])), let agency = UInt32(fields[1]),
                let sequence = UInt32(fields[2]), let bets = Int(fields[3])
            {
                _ = list.add(LateChunk(time: time, agency: AgencyID(agency), sequence: sequence, bets: bets))
            } else if text + "\n" != header {
                invalidLines += 1
            }
        }
        return (list, end, invalidLines)
    }
}
