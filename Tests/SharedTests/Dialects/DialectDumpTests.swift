import AgencyLanguages
import Dialects
import Domain
import TestKit
import Testing
import WireProtocol

/// Comparison of every byte sent and received with the dumps of docs/dialects.md, written independently of the code.
struct DialectDumpTests {
    private static let rows = [
        ["Santiago Lionel", "Lorca", "30904465", "1999-03-17", "7574"],
        ["Tiago Nicolás", "Rivera", "34407251", "2001-08-29", "1033"],
    ]
    private static let winners = ["30000002", "30000003"]

    private func dump(_ name: String) throws -> [UInt8] {
        let bytes = try Repository.dump(name, in: "docs/dialects.md")
        #expect(!bytes.isEmpty, "docs/dialects.md has no dump \(name)")
        return bytes
    }

    /// Checks the bytes of replies, and what happens to the connection.
    private func out(
        _ dialect: any Dialect, _ replies: [(String, DialectReply, DialectReply.Next)]
    ) throws {
        for (name, reply, next) in replies {
            var bytes: [UInt8] = []
            dialect.encode(reply, into: &bytes)
            #expect(dialect.next(after: reply) == next, "\(name)")
            #expect(bytes == (try dump(name)), "\(name)")
        }
    }

    /// Checks the list of two winners and the empty list.
    private func winners(_ dialect: any Dialect, next: DialectReply.Next) throws {
        for (name, documents) in [("winners", Self.winners), ("no-winners", [])] {
            let form = dialect.winnersForm(
                count: UInt64(documents.count), documentsBytes: 9 * documents.count, areIntegers: true)
            #expect(form?.bytes(of: documents) == (try dump("\(dialect.name)-\(name)")), "\(name)")
        }
        #expect(dialect.nextAfterWinners == next)
    }

    /// Decodes the request in a dump, through the dialect's framing.
    private func request(_ dialect: any Dialect, _ name: String) throws -> DialectRequest {
        let bytes = try dump(name)
        var decoder = FrameDecoder(dialect.framing, maxFrameBytes: 1 << 20)
        var index = 0
        while true {
            switch decoder.next(bytes.span.bytes, from: &index) {
            case .needsMemory: decoder.admit()
            case .frame(let frame):
                #expect(index == bytes.count, "\(name)")
                return dialect.request(frame, today: Samples.today)
            case .needsBytes, .invalid: return .unknown(reason: "\(name) is not a frame")
            }
        }
    }

    private func chunk(_ dialect: any Dialect, _ name: String) throws {
        guard case .chunk(let agency, let chunk) = try request(dialect, name) else {
            Issue.record("\(name) is not a chunk")
            return
        }
        #expect(agency == AgencyID(1) && !chunk.isLast)
        #expect(BetColumns(chunk.bets, count: chunk.count).bets == Samples.documentedBets)
        var language = try #require(LanguageRegistry.language(dialect.name))
        #expect(language.chunk(Self.rows, agency: "1", isLast: false) == (try dump(name)))
    }

    @Test("semicolon")
    func semicolon() throws {
        let dialect = SemicolonDialect()
        try chunk(dialect, "semicolon-chunk")
        try winners(dialect, next: .close)
        #expect(try request(dialect, "semicolon-end") == .consult(nil, .init(finishes: true, wait: .always)))
        try out(
            dialect,
            [
                ("semicolon-ok", .stored(isLast: false), .stay),
                ("semicolon-error", .rejected(badBets: 0, reason: "the first line is not agency;count"), .stay),
            ])
    }

    @Test("lines")
    func lines() throws {
        let dialect = LinesDialect()
        try chunk(dialect, "lines-chunk")
        try winners(dialect, next: .close)
        #expect(try request(dialect, "lines-empty-chunk") == .chunk(nil, Samples.chunk(sequence: 0, bets: [])))
        #expect(try request(dialect, "lines-confirmation") == .finish(AgencyID(1)))
        #expect(try request(dialect, "lines-consult") == .consult(AgencyID(1), .init(wait: .afterFinish)))
        try out(
            dialect,
            [
                ("lines-ok", .stored(isLast: false), .stay), ("lines-error", .rejected(badBets: 1, reason: ""), .stay),
                ("lines-confirmed", .finished, .stay),
            ])
    }

    @Test("tlv")
    func tlv() throws {
        let dialect = TLVDialect()
        try chunk(dialect, "tlv-chunk")
        try winners(dialect, next: .closeWhenQuiet)
        #expect(try request(dialect, "tlv-consult") == .consult(AgencyID(1), .init(finishes: true, wait: .never)))
        try out(
            dialect,
            [
                ("tlv-ok", .stored(isLast: false), .closeWhenQuiet), ("tlv-wait", .notDrawnYet, .closeWhenQuiet),
            ])
    }

    @Test("json")
    func json() throws {
        let dialect = JSONDialect()
        try chunk(dialect, "json-chunk")
        try winners(dialect, next: .close)
        #expect(
            try request(dialect, "json-last-chunk")
                == .chunk(AgencyID(1), Samples.chunk(sequence: 0, bets: [], isLast: true)))
        #expect(try request(dialect, "json-consult") == .consult(AgencyID(1), .init(wait: .always)))
        try out(
            dialect,
            [
                ("json-ok", .stored(isLast: false), .stay), ("json-ok", .stored(isLast: true), .close),
            ])
    }

    @Test("pipe")
    func pipe() throws {
        let dialect = PipeDialect()
        try chunk(dialect, "pipe-chunk")
        try winners(dialect, next: .stay)
        #expect(try request(dialect, "pipe-end") == .finish(nil))
        #expect(try request(dialect, "pipe-consult") == .consult(AgencyID(1), .init(wait: .always)))
        #expect(try request(dialect, "pipe-ask-drawn") == .askDrawn)
        try out(
            dialect,
            [
                ("pipe-ok", .stored(isLast: false), .stay), ("pipe-rejected", .rejected(badBets: 1, reason: ""), .stay),
                ("pipe-end-ok", .finished, .stay), ("pipe-drawn", .drawn(true), .stay),
                ("pipe-not-drawn", .drawn(false), .stay),
            ])
    }

    @Test("echo")
    func echo() throws {
        let line = Array("Testing Message From SH\n".utf8)
        #expect(try request(EchoDialect(), "echo-line") == .echo(line))
        try out(EchoDialect(), [("echo-line", .echo(line), .close)])
    }

    @Test("a reply that a dialect cannot express closes the connection")
    func noWords() {
        for dialect in [TLVDialect(), JSONDialect(), EchoDialect()] as [any Dialect] {
            var bytes: [UInt8] = []
            dialect.encode(.rejected(badBets: 1, reason: "no"), into: &bytes)
            #expect(bytes.isEmpty && dialect.next(after: .rejected(badBets: 1, reason: "no")) == .close)
        }
        #expect(TLVDialect().winnersForm(count: 2, documentsBytes: 14, areIntegers: false) == nil)
        var bytes: [UInt8] = []
        LinesDialect().encode(.notDrawnYet, into: &bytes)
        #expect(bytes.isEmpty && LinesDialect().next(after: .notDrawnYet) == .close)
    }
}
