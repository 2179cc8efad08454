import Domain
import Ledger
import TestKit
import Testing
import WireProtocol

struct DrawStandingsTests {
    private func record(
        _ kind: RecordHeader.Kind, agency: UInt32 = 1, sequence: UInt32, count: Int = 2, before: UInt64
    ) -> RecordHeader {
        RecordHeader(
            kind: kind, count: count, agency: AgencyID(agency), sequence: sequence, time: 0, firstBetIndex: before,
            payloadBytes: 0, payloadChecksum: 0)
    }

    /// Checks a record; the default payload is that of two bets, or a rejection.
    private func check(_ standings: inout DrawStandings, _ record: RecordHeader, _ payload: [UInt8]? = nil) -> String? {
        let bets = Array(Samples.chunk(sequence: 1, bets: Samples.documentedBets).frame[Chunk.betsIndex...])
        let chunk = Samples.chunk(sequence: 2, bets: Samples.documentedBets)
        let rejection = RejectionRecord(of: chunk, fault: .bet(index: 0, .numberFormat), digest: nil).bytes
        let bytes = payload ?? (record.kind == .rejection ? rejection : bets)
        return standings.check(record, payload: bytes.span)
    }

    private static func seal(bets: UInt64, agencies: UInt32) -> [UInt8] {
        SealRecord(reason: .allFinished, instant: Instant(milliseconds: 1), bets: bets, agencies: agencies).bytes
    }

    @Test("records in a valid order are accepted, others are rejected with the reason")
    func rules() {
        var standings = DrawStandings()
        #expect(check(&standings, record(.chunk, sequence: 1, before: 0)) == nil)
        #expect(
            check(&standings, record(.rejection, sequence: 2, before: 2), [1])
                == "the payload of a rejection is not valid")
        #expect(check(&standings, record(.rejection, sequence: 2, before: 2)) == nil)
        #expect(check(&standings, record(.chunk, sequence: 2, before: 2))?.contains("3 is expected") == true)
        #expect(check(&standings, record(.chunk, sequence: 4, before: 2))?.contains("3 is expected") == true)
        #expect(check(&standings, record(.chunk, sequence: 3, before: 9))?.contains("there are 2") == true)
        #expect(check(&standings, record(.lastChunk, sequence: 3, before: 2)) == nil)
        #expect(check(&standings, record(.chunk, sequence: 4, before: 4))?.contains("finished") == true)
        let wrong = Self.seal(bets: 5, agencies: 1)
        #expect(check(&standings, record(.seal, sequence: 0, before: 4), wrong)?.contains("seal says 5") == true)
        let seal = Self.seal(bets: 4, agencies: 1)
        #expect(check(&standings, record(.seal, sequence: 0, before: 4), seal) == nil)
        #expect(check(&standings, record(.chunk, agency: 2, sequence: 1, before: 4)) == "a record follows the seal")
        #expect(standings.finishedAgencies == [AgencyID(1)])
    }

    @Test("records with a valid checksum and impossible contents are rejected")
    func content() {
        var standings = DrawStandings()
        #expect(
            check(&standings, record(.chunk, sequence: 1, count: 60_000, before: 0), [0])?.contains("columns") == true)
        #expect(check(&standings, record(.chunk, agency: 0, sequence: 1, before: 0))?.contains("agency 0") == true)
        #expect(check(&standings, record(.lastChunk, sequence: 1, before: 0)) == nil)
        let early = Self.seal(bets: 2, agencies: 5)
        #expect(
            check(&standings, record(.seal, sequence: 0, before: 2), early)?.contains("5 of 5 agencies have finished")
                == true)
        // Version 1, with number 10000.
        let number: [UInt8] = [0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 1, 0x27, 0x10, 1, 0x78]
        #expect(check(&standings, record(.numberedSeal, sequence: 0, before: 2), number) != nil)
        let seal = Self.seal(bets: 2, agencies: 1)
        #expect(check(&standings, record(.seal, sequence: 0, before: 2), seal) == nil)
    }
}
