import Control
import Domain
import Foundation
import Ledger
import Monitoring
import TestKit
import Testing

@testable import Console

/// The parts of the page: pure functions of what the services said.
struct PageTests {
    @Test("interpolated text is escaped, interpolated pieces are not")
    func escaping() {
        let piece: HTML = "<b>\("<x & 'y' \"z\">")</b>"
        #expect(piece.text == "<b>&lt;x &amp; &#39;y&#39; &quot;z&quot;&gt;</b>")
        for text in ["\u{600}<b>", "\"\u{301}", "<\u{338}"] {
            let escaped: HTML = "\(text)"
            #expect(!escaped.text.unicodeScalars.contains { "<>\"".unicodeScalars.contains($0) }, "\(escaped)")
        }
        let outer: HTML = "<p>\(piece) \(7)</p>"
        #expect(outer.text == "<p>\(piece.text) 7</p>")
        let several: HTML = "\([piece, "-"])"
        #expect(several.text == piece.text + "-")
    }

    @Test("figures: groups of three, three digits, spans in two units")
    func figures() {
        #expect(
            [7, 999, 1000, 78_697, 1_234_567].map { Figure.grouped($0) } == [
                "7", "999", "1,000", "78,697", "1,234,567",
            ])
        #expect([0.0, 999, 1000, 4_200_000_000].map(Figure.bytes) == ["0 B", "999 B", "1 KB", "4.20 GB"])
        #expect([0.0000625, 0.0015, 0.25, 2.048].map(Figure.seconds) == ["62.5 µs", "1.50 ms", "250 ms", "2.05 s"])
        #expect([-5, 4, 65, 12_000, 200_000].map(Figure.span) == ["0 s", "4 s", "1 min 5 s", "3 h 20 min", "2 d 7 h"])
    }

    @Test("a time of a form and its text are the same time; other texts are not times")
    func times() throws {
        for text in ["2026-12-24T21:30", "2026-07-01T00:00:59", "2028-02-29T23:59:59"] {
            let instant = try LocalTime.instant(text)
            #expect("\(LocalTime.day(instant))T\(LocalTime.clock(instant))".hasPrefix(text))
        }
        for text in [
            "", "21:30", "2026-13-01T10:00", "2026-02-30T10:00", "2026-01-01T24:00", "2026-01-01T10:00:61", "a-b-cTd:e",
        ] {
            #expect(throws: FormFault.self, "\(text)") { try LocalTime.instant(text) }
        }
    }

    private func query(_ address: String) -> PageQuery {
        let pairs = address.split(separator: "?").last?.split(separator: "&").map { $0.split(separator: "=") } ?? []
        let values = Dictionary(pairs.filter { $0.count == 2 }.map { (String($0[0]), String($0[1])) }) { $1 }
        return PageQuery { values[$0] }
    }

    @Test("an address says what is shown, and nothing that is not valid")
    func addresses() {
        for address in ["/", "/?draw=a&order=bets&filter=late&find=12&page=3", "/?page=2"] {
            #expect(query(address).address("/") == address)
        }
        #expect(query("/?draw=a%20b&order=x&filter=y&find=1a2b&page=-4").address("/") == "/?find=12")
    }

    private func status(_ agencies: [Sent], expected: UInt32) throws -> DrawStatus {
        var standings = DrawStandings()
        for sent in agencies {
            for chunk in 1...sent.chunks {
                standings.apply(
                    chunk == sent.chunks && sent.finished ? .lastChunk : .chunk, agency: sent.agency, count: 10,
                    bets: nil, at: Instant(milliseconds: sent.last))
            }
        }
        let draw = try #require(DrawID("d"))
        let summary = DrawSummary(
            draw, state: .open, terms: nil, cutOff: nil, agencies: DrawAgencies(expected), standings: standings,
            late: LateList())
        return DrawStatus(
            summary, of: DrawAgencies(expected), standings, late: LateList(), source: .service,
            now: Instant(milliseconds: 100_000))
    }

    private struct Sent {
        var agency: AgencyID
        var chunks: UInt32
        /// The time of the last chunk.
        var last: UInt64
        var finished: Bool
    }

    private func sent(_ agency: UInt32, chunks: UInt32, last: UInt64, finished: Bool = false) -> Sent {
        Sent(agency: AgencyID(agency), chunks: chunks, last: last, finished: finished)
    }

    @Test("unfinished agencies come first, the longest silent before all; filters and other orders do what they say")
    func agencies() throws {
        let status = try status(
            [
                sent(1, chunks: 2, last: 90_000, finished: true), sent(2, chunks: 9, last: 95_000),
                sent(3, chunks: 1, last: 40_000),
            ], expected: 4)
        func shown(_ address: String) -> [UInt32] {
            AgenciesView(status: status, query: query(address), path: "/").rows.map(\.agency.rawValue)
        }
        #expect(shown("/") == [4, 3, 2, 1])
        #expect(shown("/?order=agency") == [1, 2, 3, 4])
        #expect(shown("/?order=chunks") == [2, 1, 3, 4])
        #expect(shown("/?filter=unfinished") == [4, 3, 2])
        #expect(shown("/?filter=absent") == [4])
        #expect(shown("/?filter=finished") == [1])
        #expect(shown("/?find=3") == [3])
        let piece = AgenciesView(status: status, query: query("/?find=9"), path: "/").piece
        #expect(piece.text.contains("begins with 9"))
    }

    @Test("a form's request: right fields make it, and each wrong field is named")
    func actions() throws {
        let draw = try status([sent(1, chunks: 1, last: 5)], expected: 3).summary
        let seen = DrawAction.seen(draw)
        #expect(seen == "0/1/2")
        #expect(try DrawAction.close.request(draw, ["name": "d", "seen": seen]) == .close(draw.draw))
        #expect(throws: FormFault.self) { try DrawAction.close.request(draw, ["name": "d", "seen": "0/0/3"]) }
        #expect(throws: FormFault.self) { try DrawAction.close.request(draw, ["name": "e", "seen": seen]) }
        #expect(try DrawAction.number.request(draw, ["number": "0062"]) == .enterNumber(draw.draw, 62))
        for number in ["", "10000", "-1", "x"] {
            #expect(throws: FormFault.self) { try DrawAction.number.request(draw, ["number": number]) }
        }
        #expect(throws: FormFault.self) {
            try DrawAction.void.request(draw, ["name": "d", "seen": seen, "reason": ""])
        }
        #expect(throws: FormFault.self) { try DrawAction.cutOff.request(draw, ["time": "tomorrow"]) }
    }
}
