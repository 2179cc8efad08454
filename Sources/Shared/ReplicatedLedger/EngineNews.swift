package import Domain

/// A word to all programs of a cluster, so that nobody has to ask all the time.
///
/// It may get lost: everybody also asks now and then.
///
/// Pure.
package enum EngineNews: Equatable, Sendable {
    /// A document was stored.
    case document
    /// Agencies of a draw have an end.
    case ended([AgencyID], in: DrawID)

    package static let subject = "quiniela-news"
    /// A longer word says nothing.
    private static let maxBytes = 64 << 10
    private static let maxAgencies = 5000

    /// The word in parts that are not too long.
    package var parts: [EngineNews] {
        guard case .ended(let agencies, let draw) = self, agencies.count > Self.maxAgencies else { return [self] }
        return stride(from: 0, to: agencies.count, by: Self.maxAgencies).map { start in
            .ended(Array(agencies[start..<min(start + Self.maxAgencies, agencies.count)]), in: draw)
        }
    }

    /// As `document`, or `ended 2026-05 1 7`.
    package var bytes: [UInt8] {
        switch self {
        case .document: Array("document".utf8)
        case .ended(let agencies, let draw):
            Array((["ended", draw.name] + agencies.map { String($0.rawValue) }).joined(separator: " ").utf8)
        }
    }

    /// Nil for a word of another version.
    package init?(_ bytes: [UInt8]) {
        guard bytes.count <= Self.maxBytes else { return nil }
        let words = String(decoding: bytes, as: UTF8.self).split(separator: " ").map(String.init)
        switch (words.first, words.count) {
        case ("document", 1): self = .document
        case ("ended", 2...):
            let agencies = words[2...].compactMap { UInt32($0) }
            guard let draw = DrawID(words[1]), agencies.count == words.count - 2 else { return nil }
            self = .ended(agencies.map { AgencyID($0) }, in: draw)
        default: return nil
        }
    }
}
