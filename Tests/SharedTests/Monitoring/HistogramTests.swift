import Monitoring
import Testing

struct HistogramTests {
    @Test("a value is counted in the first bucket that it does not exceed; shares are bounds of buckets")
    func buckets() {
        var histogram = Histogram(firstBound: 1, bounds: 3)
        #expect(histogram.bounds == [1, 2, 4] && histogram.bound(ofShare: 0.5) == nil)
        for value in [0.0, 1, 1.5, 2, 3, 4, 100] { histogram.observe(value) }
        #expect(histogram.counts == [2, 2, 2, 1] && histogram.count == 7 && histogram.sum == 111.5)
        #expect(histogram.bound(ofShare: 0.5) == 2)
        #expect(histogram.bound(ofShare: 0.99) == 4)
    }

    @Test("a difference is what came since; a histogram that was started again has none")
    func differences() {
        var histogram = Histogram.seconds
        histogram.observe(Duration.milliseconds(3))
        let earlier = histogram
        histogram.observe(Duration.milliseconds(100))
        #expect(histogram.since(earlier)?.count == 1)
        #expect(histogram.since(earlier)?.bound(ofShare: 0.5) == 0.128)
        #expect(earlier.since(histogram) == nil)
        #expect(histogram.since(Histogram.bytes)?.count == 2)
    }
}
