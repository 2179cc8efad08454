import Domain
import ReplicatedLedger
import TestKit
import Testing

@testable import BetIngest

/// The reads of other nodes' agencies.
struct StreamLookTests {
    private let start = ContinuousClock.now

    private func counts(_ messages: [UInt32: Int]) -> StreamCounts {
        StreamCounts(
            messages: Dictionary(
                uniqueKeysWithValues: messages.map { agency, count in
                    (EngineStream.subject(of: AgencyID(agency), in: Samples.draw), count)
                }))
    }

    /// Counts an agency's messages once a second; returns the agencies that are read in each.
    private func reads(_ look: inout StreamLook, _ messages: [Int]) -> [[AgencyID]] {
        messages.indices.map { second in
            let now = start + .seconds(second)
            look.take(counts([1: messages[second]]), at: now, isKnown: { _ in false })
            let reads = look.takeReads(isKnown: { _ in false })
            for agency in reads { look.didRead(agency, isAnswered: true, at: now) }
            return reads
        }
    }

    @Test("an agency that another node says has ended is read at once, and once")
    func heard() {
        var look = StreamLook()
        look.hear([AgencyID(1), AgencyID(2)])
        look.hear([AgencyID(1)])
        var reads = [look.takeReads(isKnown: { $0 == AgencyID(2) })]
        look.didRead(AgencyID(1), isAnswered: true, at: start)
        reads.append(look.takeReads(isKnown: { _ in false }))
        #expect(reads == [[AgencyID(1)], []])
    }

    @Test("an agency whose end is told while it is read is read once more, unless that read showed the end")
    func heardWhileRead() {
        var look = StreamLook()
        look.hear([AgencyID(1), AgencyID(2)])
        var reads = [look.takeReads(isKnown: { _ in false })]
        look.hear([AgencyID(1), AgencyID(2)])
        reads.append(look.takeReads(isKnown: { _ in false }))
        for agency in [1, 2] { look.didRead(AgencyID(UInt32(agency)), isAnswered: true, at: start) }
        reads.append(look.takeReads(isKnown: { $0 == AgencyID(1) }))
        look.didRead(AgencyID(2), isAnswered: true, at: start)
        reads.append(look.takeReads(isKnown: { _ in false }))
        #expect(reads == [[AgencyID(1), AgencyID(2)], [], [AgencyID(2)], []])
    }

    @Test(
        "an agency that is quiet for longer than usual is read, though nobody said so, and again after five seconds")
    func quiet() {
        var look = StreamLook()
        let reads = reads(&look, [5, 9, 13, 13, 13, 13, 13, 13, 13, 13])
        #expect(reads.map(\.count) == [0, 0, 0, 0, 1, 0, 0, 0, 0, 1])
    }

    @Test("of ten thousand agencies 64 are read at once, and the next ones sooner than in a second")
    func many() {
        var look = StreamLook()
        let agencies = counts(Dictionary(uniqueKeysWithValues: (1...10_000 as ClosedRange<UInt32>).map { ($0, 1) }))
        look.take(agencies, at: start, isKnown: { _ in false })
        let none = look.takeReads(isKnown: { _ in false })
        #expect(look.next == start + .seconds(1) && none.isEmpty)
        look.take(agencies, at: start + .seconds(1), isKnown: { _ in false })
        #expect(look.next == start + .milliseconds(1100))
        let first = look.takeReads(isKnown: { _ in false })
        look.hear((1...10_000 as ClosedRange<UInt32>).map { AgencyID($0) }.filter { !first.contains($0) })
        let meanwhile = look.takeReads(isKnown: { _ in false })
        for agency in first { look.didRead(agency, isAnswered: false, at: start) }
        let second = look.takeReads(isKnown: { _ in false })
        #expect(first.count == 64 && meanwhile.isEmpty && second.count == 64 && Set(second).isDisjoint(with: first))
        // All of them are to be read, so there is no hurry to count.
        for agency in second { look.didRead(agency, isAnswered: true, at: start + .seconds(2)) }
        look.take(agencies, at: start + .seconds(2), isKnown: first.contains)
        #expect(look.next == start + .seconds(3))
    }

    @Test("the engine is asked once at a time")
    func once() {
        var look = StreamLook()
        let now = look.next
        var begun = [look.begin(at: now), look.begin(at: now + .seconds(1))]
        look.take(nil, at: now + .seconds(1), isKnown: { _ in false })
        begun += [look.begin(at: now + .milliseconds(1900)), look.begin(at: now + .seconds(2))]
        #expect(begun == [true, false, false, true])
    }
}
