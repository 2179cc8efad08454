import Domain
import Monitoring
import TestKit
import Testing
import WireProtocol

@testable import BetIngest

struct IngestFiguresTests {
    @Test("each chunk is counted once, by its answer; a group is measured once")
    func counts() throws {
        let fixture = try CommitterFixture(cutOff: Instant(milliseconds: CommitterFixture.time + 1))
        let (first, _) = fixture.join(1)
        #expect(fixture.committer.commitStaged())
        let before = fixture.figures.totals
        #expect(before.commit.count == 0 && before.lastCommit == 0)
        fixture.stage(Samples.chunk(agency: 1, sequence: 1), 1, first)
        fixture.stage(
            Samples.chunk(agency: 1, sequence: 2), 1, first,
            fault: .bet(index: 0, .documentCharacter))
        #expect(fixture.committer.oldestUnanswered != nil)
        #expect(fixture.committer.commitStaged())
        #expect(fixture.committer.oldestUnanswered == nil)
        fixture.stage(Samples.chunk(agency: 1, sequence: 1), 1, first)
        let totals = fixture.figures.totals
        #expect(totals.chunks.stored == 1 && totals.chunks.rejected == 1 && totals.chunks.repeated == 1)
        #expect(totals.chunks.bets == 3 && totals.chunks.late == 0 && totals.chunks.unrecorded == 0)
        #expect(totals.commit.count == 1 && totals.groupBytes.count == 1 && totals.lastCommit == CommitterFixture.time)
        #expect(totals.groupBytes.sum > 100 && totals.acknowledge.count >= 2)
    }
}
