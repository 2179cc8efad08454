import Domain
import Ledger
import TestKit
import Testing

@testable import BetIngest

struct StagingTests {
    @Test("while more is staged than one group takes, the oldest entry is not that of the first group")
    func oldest() throws {
        let fixture = try CommitterFixture()
        let connection = fixture.connection()
        var staging = Staging(
            admission: Admission(Samples.draw, agencies: DrawAgencies(2), standings: DrawStandings()))
        #expect(staging.oldest == nil)
        for sequence in 1...3 as ClosedRange<UInt32> {
            let record = StagedRecord(
                kind: .chunk, count: 1, agency: AgencyID(1), sequence: sequence, time: Instant(milliseconds: 1),
                bytes: [UInt8](repeating: 0, count: 5 << 20), payloadIndex: 0, payloadChecksum: 0)
            staging.entries.append(.record(record, connection))
        }
        staging.didBeginWaiting()
        let first = try #require(staging.oldest)
        #expect(staging.takeGroup().count == 1 && staging.oldest == first)
        #expect(staging.takeGroup().count == 1)
        #expect(try #require(staging.oldest) > first)
        _ = staging.takeGroup()
        #expect(staging.takeGroup().count == 0 && staging.oldest == nil)
    }
}
