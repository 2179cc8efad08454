import Testing

@testable import Shared

struct TextTableTests {
    @Test("columns are as wide as their widest cell, numbers stand to the right")
    func table() {
        var table = TextTable(["agency", "state"])
        table.append(["1", "finished"])
        table.append(["12", "x"])
        #expect(
            table.text == """
                agency  state
                ──────  ────────
                     1  finished
                    12  x
                """)
    }

    @Test("a progress line says how far, how much, how fast and how long")
    func progress() {
        let line = ProgressBar.line(
            label: "bets", unit: "bets", done: 50, of: 200, count: 1_200_000, elapsed: .seconds(2))
        #expect(line == "bets [######..................]  25%  1.2M bets  600.0k bets/s  6 s left")
        #expect(ProgressBar.line(label: "x", unit: "b", done: 0, of: 0, count: 0, elapsed: .zero).contains("0%"))
    }
}
