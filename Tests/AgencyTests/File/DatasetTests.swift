import Foundation
import TestKit
import Testing

@testable import Agency

struct DatasetTests {
    @Test("the sample in data/ is the dataset of seed 39, byte for byte, with its winners")
    func shippedSample() throws {
        var dataset = Dataset(seed: 39, winningNumber: 7574)
        var expectedWinners = ""
        for (index, size) in Dataset.sizes(bets: 3000, agencies: 5).enumerated() {
            var (rows, winners): ([UInt8], [String]) = ([], [])
            for _ in 0..<size { dataset.appendRow(to: &rows, winners: &winners) }
            let file = Repository.root + "/data/agency-\(index + 1).csv"
            #expect(try Data(contentsOf: URL(fileURLWithPath: file)) == Data(rows))
            expectedWinners += "\(index + 1),\(winners.joined(separator: " "))\r\n"
        }
        #expect(try Repository.text("data/winners.csv") == expectedWinners)
    }

    @Test("sizes are skewed and add up", arguments: [(0, 1), (10, 3), (78_697, 5), (5, 10)])
    func sizes(_ bets: Int, _ agencies: Int) {
        let sizes = Dataset.sizes(bets: bets, agencies: agencies)
        #expect(sizes.count == agencies && sizes.reduce(0, +) == bets)
        #expect(sizes == sizes.sorted(by: >))
    }
}
