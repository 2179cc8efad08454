/// Counts of observations in buckets whose bounds double.
///
/// Pure; its owner guards it. An observation is one addition in an array.
package struct Histogram: Codable, Equatable, Sendable {
    /// The upper bound of the first bucket; the next is twice as large.
    package let firstBound: Double
    /// The observations of each bucket; the last one has no upper bound.
    package private(set) var counts: [UInt64]
    package private(set) var sum = 0.0

    /// Seconds from 62.5 µs to 2.048 s.
    package static let seconds = Histogram(firstBound: 0.0000625, bounds: 16)
    /// Bytes from 1 KiB to 32 MiB.
    package static let bytes = Histogram(firstBound: 1024, bounds: 16)

    package init(firstBound: Double, bounds: Int) {
        self.firstBound = firstBound
        counts = [UInt64](repeating: 0, count: bounds + 1)
    }

    package mutating func observe(_ value: Double) {
        var (bound, index) = (firstBound, 0)
        while index < counts.count - 1, value > bound {
            bound *= 2
            index += 1
        }
        counts[index] += 1
        sum += value
    }

    package mutating func observe(_ duration: Duration) {
        let (seconds, attoseconds) = duration.components
        observe(Double(seconds) + Double(attoseconds) * 1e-18)
    }

    package var count: UInt64 { counts.reduce(0, +) }

    /// The upper bounds of all buckets except the last.
    package var bounds: [Double] { (0..<counts.count - 1).map { firstBound * Double(1 << $0) } }

    /// The observations after an earlier state of the same histogram; nil if this one was started since.
    package func since(_ earlier: Histogram) -> Histogram? {
        guard counts.count == earlier.counts.count, zip(counts, earlier.counts).allSatisfy({ $0 >= $1 }) else {
            return nil
        }
        var difference = self
        for index in counts.indices { difference.counts[index] -= earlier.counts[index] }
        difference.sum -= earlier.sum
        return difference
    }

    /// The upper bound of the bucket with the given share of observations; nil without any.
    ///
    /// - Parameter share: 0.99 for p99.
    package func bound(ofShare share: Double) -> Double? {
        let count = count
        guard count > 0 else { return nil }
        let wanted = UInt64((Double(count) * share).rounded(.up))
        var seen: UInt64 = 0
        for (index, bucket) in counts.enumerated() {
            seen += bucket
            if seen >= wanted { return firstBound * Double(1 << min(index, counts.count - 2)) }
        }
        return nil
    }
}
