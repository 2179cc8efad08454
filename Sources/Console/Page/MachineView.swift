import Domain
import Monitoring

/// The machine: rates as sparklines, and what is used of each limit.
struct MachineView {
    let snapshot: Snapshot

    var piece: HTML {
        let points = snapshot.history.points
        let bets = Sparkline(points.map(\.betsPerSecond))
        let (p50, p99) = (Sparkline(points.map(\.p50)), Sparkline(points.map(\.p99)))
        return """
            <div class="charts">
            \(chart("Bets stored a second", bets, latest(bets) { Figure.grouped(Int($0.rounded())) }))
            \(chart("Commit, p50", p50, latest(p50, Figure.seconds)))
            \(chart("Commit, p99", p99, latest(p99, Figure.seconds)))
            </div>
            <div class="scroll"><table class="limits">
            <thead><tr><th scope="col">In use</th><th scope="col" class="figure">Now</th>\
            <th scope="col" class="figure">Limit</th><th scope="col"><span class="hidden">Share</span></th></tr></thead>
            <tbody>\(limits)</tbody></table></div>
            <p>\(disk)</p>
            """
    }

    private func latest(_ line: Sparkline, _ text: (Double) -> String) -> String {
        guard let last = line.values.last(where: { $0 != nil }) ?? nil else { return "none yet" }
        return "\(text(last)), at most \(text(line.highest))"
    }

    private func chart(_ title: String, _ line: Sparkline, _ text: String) -> HTML {
        """
        <figure><figcaption>\(title) <strong>\(text)</strong></figcaption>\
        \(line.piece(label: "\(title) over \(Figure.span(line.values.count)): last \(text)"))</figure>
        """
    }

    private var limits: [HTML] {
        let samples = snapshot.samples
        let rows: [(String, Double?, Double?, (Double) -> String)] = [
            ("Connections", samples.value(.connections), samples.value(.connectionsLimit), count),
            ("Connections waiting for a worker", samples.value(.waiting), samples.value(.waitingLimit), count),
            ("Memory of frames", samples.value(.buffer), samples.value(.bufferLimit), Figure.bytes),
            (
                "Connections of winners-service", snapshot.winnersSamples.value(.connections),
                snapshot.winnersSamples.value(.connectionsLimit), count
            ),
        ]
        return rows.compactMap { title, value, limit, text in
            guard let value, let limit else { return nil }
            return """
                <tr><th scope="row">\(title)</th><td class="figure">\(text(value))</td><td class="figure">\(text(limit))</td>\
                <td><meter min="0" max="\(Int(limit))" value="\(Int(value))" high="\(Int(limit * 0.9))" \
                aria-label="\(title): \(text(value)) of \(text(limit))"></meter></td></tr>

                """
        }
    }

    private func count(_ value: Double) -> String { Figure.grouped(Int(value)) }

    private var disk: String {
        guard let free = snapshot.samples.value(.freeBytes) else { return "The disk is not known." }
        let ledgers = Figure.bytes(snapshot.samples.value(.ledgerBytes) ?? 0)
        let text = "Disk: \(Figure.bytes(free)) free, the open ledgers have \(ledgers)"
        guard let rate = snapshot.history.bytesPerSecond, rate >= 1 else { return text + "." }
        return text + "; at the rate of the last minutes full in \(Figure.span(Int(min(free / rate, 3e8))))."
    }
}

/// A line of values without axes, and its text equivalent.
struct Sparkline {
    let values: [Double?]

    init(_ values: [Double?]) {
        self.values = values
    }

    var highest: Double { values.compactMap { $0 }.max() ?? 0 }

    private static let (width, height) = (300, 48)

    func piece(label: String) -> HTML {
        var path = ""
        var isDown = false
        let top = highest > 0 ? highest : 1
        // The newest value is always at the right edge, a second is a point.
        let offset = Self.width - values.count
        for (index, value) in values.enumerated() {
            guard let value else {
                isDown = false
                continue
            }
            let y = Double(Self.height - 2) - value / top * Double(Self.height - 4)
            // A point between two gaps is a dot.
            path += "\(isDown ? "L" : "M")\(offset + index) \(Int(y.rounded()))\(isDown ? "" : "h0")"
            isDown = true
        }
        return """
            <svg viewBox="0 0 \(Self.width) \(Self.height)" preserveAspectRatio="none" role="img" aria-label="\(label)">\
            <path d="\(path)"/></svg>
            """
    }
}
