import Domain
import Foundation
import Hummingbird
import NIOCore

/// The stream of changes for one page: parts that changed, and the server's clock once a second.
///
/// Isolation: one task. The watch keeps only the newest snapshot for it, so a slow browser gets fewer changes, not more
/// memory.
struct EventStream: Sendable {
    let watch: ServiceWatch
    let view: ServiceWatch.View
    let query: PageQuery
    let path: String

    private struct Part: Encodable {
        var id: String
        var html: String
    }

    private struct Tick: Encodable {
        /// By the server's clock, in milliseconds since 1970.
        var now: UInt64
        /// The clock of the page.
        var clock: String
        /// When bet-ingest last answered; 0: never.
        var data: UInt64
        var dataClock: String
    }

    /// Writes until the browser is gone or the console stops.
    func write(to writer: inout any ResponseBodyWriter) async throws {
        var sent: [String: HTML] = [:]
        watch.want(query.draw)
        // The first snapshot sends every part, because the page may be a moment older.
        for await snapshot in view.snapshots {
            watch.want(query.draw)
            var text = ""
            for (id, piece) in Fragments(snapshot: snapshot, query: query, path: path, isLive: true).all
            where sent[id] != piece {
                sent[id] = piece
                text += Self.event("part", Part(id: id, html: piece.text))
            }
            let last = snapshot.ingest.lastAnswer
            let tick = Tick(
                now: snapshot.time.milliseconds, clock: LocalTime.clock(snapshot.time), data: last?.milliseconds ?? 0,
                dataClock: last.map { LocalTime.clock($0, today: snapshot.time) } ?? "the start")
            text += Self.event("tick", tick)
            try await writer.write(ByteBuffer(string: text))
        }
        try await writer.finish(nil)
    }

    private static func event(_ name: String, _ data: some Encodable) -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.withoutEscapingSlashes]
        let json = (try? encoder.encode(data)) ?? Data()
        return "event: \(name)\ndata: \(String(decoding: json, as: UTF8.self))\n\n"
    }
}
