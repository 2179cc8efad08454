import Domain
import Ledger
import Testing
import WireProtocol

struct AgencyStandingTests {
    @Test("a sequence is the next, a repetition, beyond a gap, or after the last chunk")
    func places() {
        var standing = AgencyStanding()
        #expect(standing.verdict(on: 0) == .gap)
        #expect(standing.verdict(on: 1) == .next)
        #expect(standing.verdict(on: 2) == .gap)
        #expect(standing.verdict(on: .max) == .gap)
        standing.apply(.chunk, count: 10, bets: BetsDigest(), at: Instant(milliseconds: 5))
        standing.apply(.rejection, count: 3, bets: BetsDigest(), at: Instant(milliseconds: 5))
        #expect(standing.verdict(on: 1) == .repeated)
        #expect(standing.verdict(on: 2) == .repeated)
        #expect(standing.verdict(on: 3) == .next)
        standing.apply(.lastChunk, count: 0, bets: BetsDigest(), at: Instant(milliseconds: 5))
        #expect(standing.verdict(on: 3) == .repeated)
        #expect(standing.verdict(on: 4) == .afterLast)
        #expect(standing.verdict(on: 9) == .afterLast)
        #expect(standing.storedBets == 10 && standing.rejectedBets == 3 && standing.isFinished)
    }

    @Test("a rejected last chunk leaves the agency unfinished")
    func rejectedLast() {
        var standing = AgencyStanding()
        standing.apply(.rejection, count: 5, bets: BetsDigest(), at: Instant(milliseconds: 5))
        #expect(!standing.isFinished && standing.nextSequence == 2)
    }

    @Test("nothing can be added after the last chunk")
    func precondition() async {
        await #expect(processExitsWith: .failure) {
            var standing = AgencyStanding()
            standing.apply(.lastChunk, count: 1, bets: BetsDigest(), at: Instant(milliseconds: 5))
            standing.apply(.chunk, count: 1, bets: BetsDigest(), at: Instant(milliseconds: 5))
        }
    }
}
