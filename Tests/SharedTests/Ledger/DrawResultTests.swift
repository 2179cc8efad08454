import Domain
import Ledger
import TestKit
import Testing

struct DrawResultTests {
    static func result(_ change: (inout DrawResult) -> Void = { _ in }) -> DrawResult {
        var result = DrawResult(
            draw: Samples.draw, ledgerID: 7, number: DrawnNumber(number: 7574, method: "configured"),
            seal: SealRecord(
                reason: .cutOff, instant: Instant(milliseconds: 1), bets: 3, agencies: 2, unfinished: [AgencyID(2)]),
            ledgerBytes: 8192, ledgerSHA256: String(repeating: "ab", count: 32), winningBets: 2,
            winnersFile: .init(bytes: 178, sha256: String(repeating: "cd", count: 32)),
            agencies: [
                .init(
                    agency: AgencyID(1), bets: 2, rejectedBets: 1, winningBets: 2, winners: ["30000002", "30000003"]),
                .init(agency: AgencyID(2), bets: 1, rejectedBets: 0, winningBets: 0, winners: []),
            ])
        change(&result)
        return result
    }

    @Test("a result is read back from its file")
    func roundTrip() throws {
        #expect(try DrawResult(fileBytes: Self.result().fileBytes) == Self.result())
    }

    @Test("every flipped bit and every truncation of the file is rejected")
    func everyBit() {
        let bytes = Self.result().fileBytes
        for index in bytes.indices {
            for bit in 0..<8 as Range<UInt8> {
                var damaged = bytes
                damaged[index] ^= 1 << bit
                #expect(throws: DrawResultError.self) { try DrawResult(fileBytes: damaged) }
            }
            #expect(throws: DrawResultError.self) { try DrawResult(fileBytes: Array(bytes[..<index])) }
        }
    }

    @Test("a result with a valid checksum that contradicts itself is rejected with the fault")
    func contradictions() {
        let cases: [(String, (inout DrawResult) -> Void)] = [
            ("winning number", { $0.winningNumber = 10_000 }),
            ("bets in a ledger", { $0.bets = .max }),
            ("is listed in place of", { $0.agencies?[1].agency = AgencyID(1) }),
            ("1 of 2 agencies", { $0.agencies?.removeLast() }),
            ("must be 2 valid documents", { $0.agencies?[0].winners = ["30000002"] }),
            ("must be 2 valid documents", { $0.agencies?[0].winners?[0] = String(repeating: "9", count: 70_000) }),
            ("must be 2 valid documents", { $0.agencies?[0].winners?[0] = "a;b" }),
            ("are impossible", { $0.agencies?[0].bets = .max }),
            ("do not add up", { $0.agencies?[1].bets = 0 }),
            ("identity", { $0.ledgerID = nil }), ("seal is missing", { $0.seal = nil }),
            ("seal do not add up", { $0.seal?.absentCount = 1 }),
            ("seal do not add up", { $0.seal?.unfinished = [] }),
        ]
        for (text, change) in cases {
            do throws(DrawResultError) {
                _ = try DrawResult(fileBytes: Self.result(change).fileBytes)
                Issue.record("accepted: \(text)")
            } catch {
                #expect("\(error)".contains(text), "\(error)")
            }
        }
    }

    @Test("a result of a newer version is rejected with its version, and one of version 1 is read")
    func versions() throws {
        #expect(throws: DrawResultError.newerVersion(4)) {
            try DrawResult(fileBytes: Self.result { $0.version = 4 }.fileBytes)
        }
        let result = try DrawResult(fileBytes: try Repository.bytes("Tests/Fixtures/version-1/result.json"))
        #expect(result.version == 1 && result.winningBets == 9 && result.agencyCount == 5)
        #expect(result.agencies?[0].winningBets == UInt64(result.agencies?[0].winners?.count ?? -1))
    }

    @Test("progress is read back from its file, and garbage or another version is rejected")
    func progress() {
        var progress = DrawProgress(
            draw: Samples.draw, ledgerID: 7, state: .sealed, agencies: 5, finishedAgencies: [AgencyID(3)])
        #expect(DrawProgress(fileBytes: progress.fileBytes) == progress)
        #expect(DrawProgress(fileBytes: []) == nil)
        #expect(DrawProgress(fileBytes: Array("{}".utf8)) == nil)
        progress.version = 4
        #expect(DrawProgress(fileBytes: progress.fileBytes) == nil)
    }
}
