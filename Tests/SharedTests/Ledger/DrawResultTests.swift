import Shared
import TestKit
import Testing

struct DrawResultTests {
    private let result = DrawResult(
        draw: Samples.draw, winningNumber: 7574, method: "configured", bets: 3, ledgerBytes: 8192,
        ledgerSHA256: String(repeating: "ab", count: 32),
        agencies: [
            .init(agency: AgencyID(1), bets: 2, rejectedBets: 1, winners: ["30000002", "30000003"]),
            .init(agency: AgencyID(2), bets: 1, rejectedBets: 0, winners: []),
        ])

    @Test("a result comes back from its file")
    func roundTrip() throws {
        #expect(try DrawResult(fileBytes: result.fileBytes) == result)
    }

    @Test("every flipped bit and every cut of the file is refused")
    func everyBit() {
        let bytes = result.fileBytes
        for index in bytes.indices {
            for bit in 0..<8 as Range<UInt8> {
                var damaged = bytes
                damaged[index] ^= 1 << bit
                #expect(throws: DrawResultError.self) { try DrawResult(fileBytes: damaged) }
            }
            #expect(throws: DrawResultError.self) { try DrawResult(fileBytes: Array(bytes[..<index])) }
        }
    }

    @Test("progress comes back from its file, and garbage is none")
    func progress() {
        let progress = DrawProgress(
            draw: Samples.draw, state: .sealed, expectedAgencies: 5, finishedAgencies: [AgencyID(3)])
        #expect(DrawProgress(fileBytes: progress.fileBytes) == progress)
        #expect(DrawProgress(fileBytes: []) == nil)
        #expect(DrawProgress(fileBytes: Array("{}".utf8)) == nil)
    }
}
