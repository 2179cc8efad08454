import Testing

@testable import Shell

struct TextTableTests {
    @Test("columns are as wide as their widest cell, and numbers are right-aligned")
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

    @Test("a progress line shows fraction, count, rate and time left")
    func progress() {
        let progress = ProgressBar.Progress(done: 50, all: 200, count: 1_200_000, elapsed: .seconds(2))
        let line = ProgressBar.line(label: "bets", unit: "bets", progress, columns: 80)
        #expect(line == "bets [######..................]  25%  1.2M bets  600.0k bets/s  6 s left")
        let nothing = ProgressBar.Progress(done: 0, all: 0, count: 0, elapsed: .zero)
        #expect(ProgressBar.line(label: "x", unit: "b", nothing, columns: 80).contains("0%"))
    }

    @Test("rate and time left of a resumed run do not include earlier runs")
    func resumedProgress() {
        let progress = ProgressBar.Progress(
            done: 150, all: 200, count: 1500, startDone: 100, startCount: 1000, elapsed: .seconds(5))
        let line = ProgressBar.line(label: "bets", unit: "bets", progress, columns: 80)
        #expect(line == "bets [##################......]  75%  1.5k bets  100 bets/s  5 s left")
    }

    @Test("a progress line is shorter than the terminal's width", arguments: 1...90)
    func narrowProgress(_ columns: Int) {
        let progress = ProgressBar.Progress(done: 50, all: 200, count: 1_200_000, elapsed: .seconds(2))
        let line = ProgressBar.line(label: "bets", unit: "bets", progress, columns: columns)
        #expect(line.count < columns, "\(line)")
    }

    @Test("a label cannot control the terminal or begin a line")
    func progressLabel() {
        let progress = ProgressBar.Progress(done: 1, all: 2, count: 1, elapsed: .seconds(1))
        let line = ProgressBar.line(label: "a\n\u{1B}[2J", unit: "b", progress, columns: 80)
        #expect(line.hasPrefix("a\\u000a\\u001b[2J ["), "\(line)")
    }
}
