import Domain
import Identity
import Ledger
import TLS

/// The draws that winners-service answers for, for `winners-service status` and its control socket.
struct WinnersStatus: Codable, Equatable, Sendable {
    /// A draw that is not published yet.
    struct Live: Codable, Equatable, Sendable {
        var draw: DrawID
        var finishedAgencies: Int
        var expectedAgencies: UInt32
        var cutOff: Instant?
    }

    /// Whether a running service said so, and not the files of the data folder.
    var isRunning: Bool
    var live: [Live]
    var publishedDraws: Int
    var lastPublished: DrawID?
    var voidDraws: Int
    /// The published draws whose winners are open.
    var loadedDraws: [DrawID]
    /// Nil without a roster, or without a running service.
    var roster: RosterStatus?
    /// Nil without TLS, or without a running service.
    var tls: TLSStatus?

    init(_ draws: PublishedDraws, isRunning: Bool) {
        let known = draws.known
        self.isRunning = isRunning
        live = known.live.map {
            Live(
                draw: $0.key, finishedAgencies: $0.value.finished.count, expectedAgencies: $0.value.expectedAgencies,
                cutOff: $0.value.cutOff)
        }.sorted { ($0.cutOff?.milliseconds ?? .max, $0.draw.name) < ($1.cutOff?.milliseconds ?? .max, $1.draw.name) }
        publishedDraws = known.published.count
        lastPublished = known.lastPublished
        voidDraws = known.void.count
        loadedDraws = draws.loaded
    }

    /// The status for people.
    var text: String {
        let source = isRunning ? "running service" : "data folder; no service runs"
        var lines = [
            "\(publishedDraws) draws published, \(voidDraws) void, \(live.count) not published yet (\(source))"
        ]
        lines += live.map { draw in
            "draw \(draw.draw): \(draw.finishedAgencies) of \(draw.expectedAgencies) agencies finished"
                + (draw.cutOff.map { ", closes at \($0)" } ?? "")
        }
        lines += (roster?.lines ?? []) + (tls?.lines ?? [])
        if let lastPublished { lines.append("published last: \(lastPublished)") }
        return lines.joined(separator: "\n")
    }
}
