/// The clocks of the nodes of a cluster, compared with this node's.
///
/// A node says what time it is, and a server stores that with its own time. The differences to the servers' clock, and so to
/// each other, do not depend on when somebody reads them.
///
/// Pure.
struct NodeClocks {
    /// How far a node's clock is ahead of the servers', in milliseconds: now, and by what it said before.
    private struct Offset {
        var now: Int
        var before: Int?
    }

    private var offsets: [String: Offset] = [:]
    private var reported: Set<String> = []

    /// A larger difference is reported, in milliseconds.
    static let allowed = 1000

    /// Takes what a node says.
    ///
    /// - Parameters:
    ///   - time: by the node's clock, in milliseconds since 1970.
    ///   - storedAt: by the clock of the server that stored it, likewise.
    ///   - own: this node.
    /// - Returns: how far the node is ahead of this one in milliseconds, if that is to be reported: found twice, because
    ///   storing may take long, and not reported before.
    mutating func take(_ node: String, says time: UInt64, storedAt: UInt64, own: String) -> Int? {
        offsets[node] = Offset(now: Int(clamping: time) - Int(clamping: storedAt), before: offsets[node]?.now)
        guard node != own, let other = offsets[node], let here = offsets[own] else { return nil }
        let difference = other.now - here.now
        guard abs(difference) > Self.allowed else {
            reported.remove(node)
            return nil
        }
        guard let before = other.before, abs(before - here.now) > Self.allowed, reported.insert(node).inserted else {
            return nil
        }
        return difference
    }
}
