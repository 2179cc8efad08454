package import Domain
package import Identity
package import TLS

/// The draws that winners-service answers for, for `winners-service status` and its control socket.
package struct WinnersStatus: Codable, Equatable, Sendable {
    /// A draw that is not published yet.
    package struct Live: Codable, Equatable, Sendable {
        package var draw: DrawID
        package var finishedAgencies: Int
        package var expectedAgencies: UInt32
        package var cutOff: Instant?

        package init(draw: DrawID, finishedAgencies: Int, expectedAgencies: UInt32, cutOff: Instant?) {
            self.draw = draw
            self.finishedAgencies = finishedAgencies
            self.expectedAgencies = expectedAgencies
            self.cutOff = cutOff
        }
    }

    /// Whether a running service said so, and not the files of the data folder.
    package var isRunning: Bool
    package var live: [Live]
    package var publishedDraws: Int
    package var lastPublished: DrawID?
    package var voidDraws: Int
    /// The published draws whose winners are open.
    package var loadedDraws: [DrawID]
    /// Nil without a roster, or without a running service.
    package var roster: RosterStatus?
    /// Nil without TLS, or without a running service.
    package var tls: TLSStatus?

    package init(
        isRunning: Bool, live: [Live], publishedDraws: Int, lastPublished: DrawID?, voidDraws: Int,
        loadedDraws: [DrawID]
    ) {
        self.isRunning = isRunning
        self.live = live
        self.publishedDraws = publishedDraws
        self.lastPublished = lastPublished
        self.voidDraws = voidDraws
        self.loadedDraws = loadedDraws
    }

    /// The status for people.
    package var text: String {
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
